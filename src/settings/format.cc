#include "settings/format.h"

#include <algorithm>

#include "base/text.h"

namespace mayfly::settings {
namespace {

constexpr std::size_t kMostOnALine = 80;
// Cannot be in a value: there it is escaped.
constexpr std::string_view kNextEntry{"\0", 1};

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool has_table(const std::vector<KeyInfo>& keys, const std::string& name) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const KeyInfo& key) { return !name.empty() && key.table == name; });
}

// Tables, and keys at the top.
std::vector<std::string> top_names(const std::vector<KeyInfo>& keys) {
  std::vector<std::string> names;
  for (const KeyInfo& key : keys) {
    const std::string& name = key.table.empty() ? key.key : key.table;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string remedy_for(const std::string& table, const std::string& key,
                       const std::vector<KeyInfo>& keys) {
  std::vector<std::string> here;
  std::vector<std::string> anywhere;
  for (const KeyInfo& each : keys) {
    if (each.table == table) here.push_back(each.key);
    if (each.key == key) anywhere.push_back(each.full());
  }
  if (table.empty()) here = top_names(keys);
  if (!anywhere.empty()) return "the key " + anywhere.front() + " exists: is the table right?";
  const std::string near = text::nearest(key, here);
  if (!near.empty()) return "did you mean \"" + near + "\"?";
  return "there are " + text::join(here, ", ");
}

void refuse_unknown_in(const Table& table, const std::string& name,
                       const std::vector<KeyInfo>& keys, Diagnostics& diagnostics) {
  for (const Entry& entry : table) {
    const bool known = std::any_of(keys.begin(), keys.end(), [&](const KeyInfo& key) {
      return key.table == name && key.key == entry.key.value;
    });
    if (known) continue;
    if (diagnostics.full()) {
      diagnostics.error(entry.key.at, "", "", "");
      continue;
    }
    const std::string where = name.empty() ? "" : " of [" + name + "]";
    diagnostics.error(entry.key.at, entry.key.value, "is no key" + where,
                      remedy_for(name, entry.key.value, keys));
  }
}

}  // namespace

void refuse_unknown(const Table& document, const std::vector<KeyInfo>& keys,
                    Diagnostics& diagnostics) {
  for (const Entry& entry : document) {
    if (!has_table(keys, entry.key.value)) continue;
    if (const auto* table = entry.value->as<Table>()) {
      refuse_unknown_in(*table, entry.key.value, keys, diagnostics);
    } else {
      diagnostics.error(
          entry.value->at, shown(*entry.value),
          "is " + std::string(kind_of(*entry.value)) + ", and " + entry.key.value + " is a table",
          "write [" + entry.key.value + "] and the keys below it");
    }
  }
  for (const Entry& entry : document) {
    const bool known = std::any_of(keys.begin(), keys.end(), [&](const KeyInfo& key) {
      return key.table.empty() ? key.key == entry.key.value : key.table == entry.key.value;
    });
    if (known) continue;
    if (diagnostics.full()) {
      diagnostics.error(entry.key.at, "", "", "");
      continue;
    }
    diagnostics.error(entry.key.at, entry.key.value,
                      entry.value->as<Table>() != nullptr ? "is no table of this format"
                                                          : "is no key of this format",
                      remedy_for("", entry.key.value, keys));
  }
}

const Node* find(const Table& document, const KeyInfo& key) {
  const Table* table = &document;
  if (!key.table.empty()) {
    table = nullptr;
    for (const Entry& entry : document) {
      if (entry.key.value == key.table) table = entry.value->as<Table>();
    }
    if (table == nullptr) return nullptr;
  }
  for (const Entry& entry : *table) {
    if (entry.key.value == key.key) return entry.value.get();
  }
  return nullptr;
}

std::string entries_text(const std::vector<std::string>& items) {
  if (items.empty()) return "";
  const std::string line = "{ " + text::join(items, ", ") + " }";
  if (line.size() <= kMostOnALine) return line;
  return "." + text::join(items, std::string(kNextEntry) + ".");
}

std::string document_text(const std::vector<KeyInfo>& keys,
                          const std::vector<std::string>& values) {
  std::string out;
  std::string table;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (values[i].empty()) continue;
    if (keys[i].table != table) {
      table = keys[i].table;
      out += (out.empty() ? "[" : "\n[") + table + "]\n";
    }
    if (values[i].front() != '.') {
      out += keys[i].key + " = " + values[i] + "\n";
      continue;
    }
    for (std::size_t at = 0; at < values[i].size();) {
      const std::size_t end = values[i].find(kNextEntry, at);
      out += keys[i].key + values[i].substr(at, end - at) + "\n";
      at = end == std::string::npos ? end : end + kNextEntry.size();
    }
  }
  return out;
}

std::string json_schema(const std::string& title, const std::vector<TableInfo>& tables,
                        const std::vector<KeyInfo>& keys) {
  const auto properties_of = [&keys](const std::string& table) {
    std::string out;
    for (const KeyInfo& key : keys) {
      if (key.table != table) continue;
      // The description goes in front of what the value's own schema says.
      out += (out.empty() ? "" : ",") + json_text(key.key) + R"(:{"description":)" +
             json_text(key.help) + "," + key.schema.substr(1);
    }
    return out;
  };
  std::string out = R"({"$schema":"http://json-schema.org/draft-07/schema#","title":)" +
                    json_text(title) + R"(,"type":"object","additionalProperties":false,)" +
                    R"("properties":{)" + properties_of("");
  for (const TableInfo& table : tables) {
    out += (out.back() == '{' ? "" : ",") + json_text(table.name) + R"(:{"description":)" +
           json_text(table.help) + R"(,"type":"object","additionalProperties":false,)" +
           R"("properties":{)" + properties_of(table.name) + "}}";
  }
  return out + "}}";
}

std::string markdown_table(const std::vector<KeyInfo>& keys) {
  std::string out = "| key | value | a later file | what it does |\n|---|---|---|---|\n";
  for (const KeyInfo& key : keys) {
    const auto cell = [](std::string text) {
      for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) {
        text.insert(at, "\\");
      }
      return text;
    };
    out += "| `" + key.full() + "` | " + cell(key.type) + " | " + key.merging + " | " +
           cell(key.help) + " |\n";
  }
  return out;
}

void report(const Complaint& complaint, const KeyInfo& key, const Node& node,
            Diagnostics& diagnostics) {
  const std::string given =
      complaint.value.empty() && !complaint.at ? shown(node) : complaint.value;
  const std::string where = key.key.empty() ? "" : " (" + key.full() + ")";
  diagnostics.error(complaint.at.value_or(node.at), given, complaint.message + where,
                    complaint.remedy);
  for (const Complaint& each : complaint.more) report(each, key, node, diagnostics);
}

}  // namespace mayfly::settings
