#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "settings/codec.h"
#include "settings/diagnostics.h"
#include "settings/document.h"

// A format of configuration files as a table of its keys. Parser, printer, merging, the JSON Schema
// for editors and the table in the documents all come from that one table.
namespace mayfly::settings {

// What is the same for keys of every target.
struct KeyInfo {
  std::string table;  // "limits"; empty: at the top
  std::string key;
  std::string type;
  std::string schema;   // of the value, JSON as text
  std::string help;     // one sentence
  std::string merging;  // "replaces", "adds"

  std::string full() const { return table.empty() ? key : table + "." + key; }
};

struct TableInfo {
  std::string name;
  std::string help;
};

// Errors for tables and keys that `keys` does not have, with the nearest right name.
void refuse_unknown(const Table& document, const std::vector<KeyInfo>& keys,
                    Diagnostics& diagnostics);
const Node* find(const Table& document, const KeyInfo& key);
// "{ a = 1, b = 2 }", which TOML keeps on one line; where that gets long, lines ".a = 1", ".b = 2"
// that document_text() puts the key in front of.
std::string entries_text(const std::vector<std::string>& items);
// "key = value" lines under their table's headers.
std::string document_text(const std::vector<KeyInfo>& keys, const std::vector<std::string>& values);
std::string json_schema(const std::string& title, const std::vector<TableInfo>& tables,
                        const std::vector<KeyInfo>& keys);
// The rows of a Markdown table: key, type, what it does.
std::string markdown_table(const std::vector<KeyInfo>& keys);
// Without a key in `key`, the place alone says what it is about.
void report(const Complaint& complaint, const KeyInfo& key, const Node& node,
            Diagnostics& diagnostics);

// How a key's value is made of parts that each have a place of their own.
enum class Shape {
  kValue,    // one part: the value
  kList,     // one for each element
  kEntries,  // one for each "name = value"
};

template <typename Target>
struct Field {
  KeyInfo info;
  Shape shape = Shape::kValue;
  std::function<void(const Node&, const KeyInfo&, Diagnostics&, Target&)> read;
  std::function<std::string(const Target&)> write;  // empty: nothing is said
  std::function<void(Target& base, const Target& later)> merge;
  // The parts as TOML, and where each stands.
  std::function<std::vector<Located<std::string>>(const Target&)> parts;
};

// A value that a later file replaces.
template <typename Target, typename T>
Field<Target> setting(std::string table, std::string key, Codec<T> codec, std::string help,
                      std::function<std::optional<Located<T>>&(Target&)> member) {
  const auto look = [member](const Target& target) -> const std::optional<Located<T>>& {
    return member(const_cast<Target&>(target));
  };
  Field<Target> out;
  out.info = {std::move(table), std::move(key),  codec.type,
              codec.schema,     std::move(help), "replaces"};
  out.read = [codec, member](const Node& node, const KeyInfo& info, Diagnostics& diagnostics,
                             Target& target) {
    auto value = codec.read(node);
    if (!value) return report(value.error(), info, node, diagnostics);
    member(target) = Located<T>{*std::move(value), node.at};
  };
  out.write = [codec, look](const Target& target) {
    const auto& value = look(target);
    return value ? codec.write(value->value) : std::string();
  };
  out.merge = [member, look](Target& base, const Target& later) {
    if (look(later)) member(base) = look(later);
  };
  out.parts = [codec, look](const Target& target) {
    std::vector<Located<std::string>> parts;
    if (const auto& value = look(target)) parts.push_back({codec.write(value->value), value->at});
    return parts;
  };
  return out;
}

// Values of which a later file has more. `mine` picks those of this key where several share a list.
template <typename Target, typename T>
Field<Target> additions(std::string table, std::string key, Codec<T> codec, std::string help,
                        std::function<std::vector<Located<T>>&(Target&)> member,
                        std::function<bool(const T&)> mine = nullptr) {
  const auto look = [member](const Target& target) -> const std::vector<Located<T>>& {
    return member(const_cast<Target&>(target));
  };
  const auto counts = [mine](const T& value) { return mine == nullptr || mine(value); };
  Field<Target> out;
  out.info = {std::move(table),        std::move(key),
              "list of " + codec.type, R"({"type":"array","items":)" + codec.schema + "}",
              std::move(help),         "adds"};
  out.read = [codec, member](const Node& node, const KeyInfo& info, Diagnostics& diagnostics,
                             Target& target) {
    const auto* array = node.as<Array>();
    if (array == nullptr) {
      return report({"is not a list", "put it in [ ]", {}, {}, {}}, info, node, diagnostics);
    }
    if (array->size() > kMostItems) return report(too_many_items(), info, node, diagnostics);
    for (const Node& each : *array) {
      auto value = codec.read(each);
      if (!value) {
        report(value.error(), info, each, diagnostics);
      } else {
        member(target).push_back({*std::move(value), each.at});
      }
    }
  };
  out.write = [codec, look, counts](const Target& target) {
    std::vector<std::string> items;
    for (const Located<T>& each : look(target)) {
      if (counts(each.value)) items.push_back(codec.write(each.value));
    }
    return items.empty() ? std::string() : list_text(items);
  };
  out.merge = [member, look, counts](Target& base, const Target& later) {
    for (const Located<T>& each : look(later)) {
      if (counts(each.value)) member(base).push_back(each);
    }
  };
  out.shape = Shape::kList;
  out.parts = [codec, look, counts](const Target& target) {
    std::vector<Located<std::string>> parts;
    for (const Located<T>& each : look(target)) {
      if (counts(each.value)) parts.push_back({codec.write(each.value), each.at});
    }
    return parts;
  };
  return out;
}

// Entries of a table, by name; `name_of` says which a later file's replaces. `read_entry` gets the
// key and its value, `write_entry` gives "key = value".
template <typename Target, typename T>
Field<Target> entries(std::string table, std::string key, std::string type, std::string schema,
                      std::string help, std::function<std::vector<Located<T>>&(Target&)> member,
                      std::function<Reading<T>(const std::string&, const Node&)> read_entry,
                      std::function<std::string(const T&)> write_entry,
                      std::function<std::string(const T&)> name_of) {
  const auto look = [member](const Target& target) -> const std::vector<Located<T>>& {
    return member(const_cast<Target&>(target));
  };
  Field<Target> out;
  out.info = {std::move(table),  std::move(key),  std::move(type),
              std::move(schema), std::move(help), "adds, by name"};
  out.read = [read_entry, member](const Node& node, const KeyInfo& info, Diagnostics& diagnostics,
                                  Target& target) {
    const auto* inner = node.as<Table>();
    if (inner == nullptr) {
      return report(
          {std::string("is ") + kind_of(node), "write { \"name\" = \"value\" }", {}, {}, {}}, info,
          node, diagnostics);
    }
    if (inner->size() > kMostItems) return report(too_many_items(), info, node, diagnostics);
    for (const Entry& entry : *inner) {
      auto value = read_entry(entry.key.value, *entry.value);
      if (!value) {
        if (!value.error().at) {
          value.error().at = entry.key.at;
          value.error().value = entry.key.value;
        }
        report(value.error(), info, *entry.value, diagnostics);
      } else {
        member(target).push_back({*std::move(value), entry.key.at});
      }
    }
  };
  out.write = [write_entry, look](const Target& target) {
    std::vector<std::string> items;
    for (const Located<T>& each : look(target)) items.push_back(write_entry(each.value));
    return entries_text(items);
  };
  out.merge = [member, look, name_of](Target& base, const Target& later) {
    for (const Located<T>& each : look(later)) {
      std::erase_if(member(base), [&](const Located<T>& other) {
        return name_of(other.value) == name_of(each.value);
      });
      member(base).push_back(each);
    }
  };
  out.shape = Shape::kEntries;
  out.parts = [write_entry, look](const Target& target) {
    std::vector<Located<std::string>> parts;
    for (const Located<T>& each : look(target)) {
      parts.push_back({write_entry(each.value), each.at});
    }
    return parts;
  };
  return out;
}

template <typename Target>
class Format {
 public:
  Format(std::string title, std::vector<TableInfo> tables, std::vector<Field<Target>> fields)
      : title_(std::move(title)), tables_(std::move(tables)), fields_(std::move(fields)) {
    for (const Field<Target>& field : fields_) keys_.push_back(field.info);
  }

  // What of `document` can be read; what cannot is in `diagnostics`.
  Target read(const Table& document, Diagnostics& diagnostics) const {
    Target target;
    refuse_unknown(document, keys_, diagnostics);
    for (const Field<Target>& field : fields_) {
      const Node* node = find(document, field.info);
      if (node != nullptr) field.read(*node, field.info, diagnostics, target);
    }
    return target;
  }

  // A text that reads as an equal target.
  std::string write(const Target& target) const {
    std::vector<std::string> values;
    for (const Field<Target>& field : fields_) values.push_back(field.write(target));
    return document_text(keys_, values);
  }

  void merge(Target& base, const Target& later) const {
    for (const Field<Target>& field : fields_) field.merge(base, later);
  }

  const std::vector<KeyInfo>& keys() const { return keys_; }
  const std::vector<Field<Target>>& fields() const { return fields_; }
  std::string schema() const { return json_schema(title_, tables_, keys_); }
  std::string markdown() const { return markdown_table(keys_); }

 private:
  const std::string title_;
  const std::vector<TableInfo> tables_;
  const std::vector<Field<Target>> fields_;
  std::vector<KeyInfo> keys_;
};

}  // namespace mayfly::settings
