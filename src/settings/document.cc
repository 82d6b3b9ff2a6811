#include "settings/document.h"

// Only here, and without the library's own binary: deep nesting is limited at compile time.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 16
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>
#include <algorithm>
#include <utility>

#include "base/text.h"

namespace mayfly::settings {
namespace {

constexpr std::size_t kMostLineBytes = 16 * 1024;
// Each dot in a key is a table in a table, which are taken apart recursively.
constexpr std::ptrdiff_t kMostDots = 256;

class Converter {
 public:
  Converter(std::shared_ptr<const Source> source, Diagnostics& diagnostics)
      : source_(std::move(source)), diagnostics_(diagnostics) {}

  Table table(const toml::table& from) {
    Table to;
    for (const auto& [key, node] : from) {
      Entry entry;
      entry.key = {std::string(key.str()), location(key.source())};
      auto value = convert(node);
      if (!value) continue;
      entry.value = std::make_unique<Node>(*std::move(value));
      to.push_back(std::move(entry));
    }
    std::stable_sort(to.begin(), to.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.key.at.line, a.key.at.column) < std::pair(b.key.at.line, b.key.at.column);
    });
    return to;
  }

  Location location(const toml::source_region& region) const {
    return {source_, static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
  }

 private:
  std::optional<Node> convert(const toml::node& from) {
    Node to;
    to.at = location(from.source());
    if (const auto* text = from.as_string()) {
      to.value = std::string(text->get());
    } else if (const auto* integer = from.as_integer()) {
      to.value = std::int64_t{integer->get()};
    } else if (const auto* real = from.as_floating_point()) {
      to.value = double{real->get()};
    } else if (const auto* boolean = from.as_boolean()) {
      to.value = bool{boolean->get()};
    } else if (const auto* array = from.as_array()) {
      Array items;
      for (const toml::node& item : *array) {
        if (auto value = convert(item)) items.push_back(*std::move(value));
      }
      to.value = std::move(items);
    } else if (const auto* inner = from.as_table()) {
      to.value = table(*inner);
    } else {
      diagnostics_.error(to.at, "", "is a date or a time, and no setting is one",
                         "write a text in quotes if one was meant");
      return std::nullopt;
    }
    return to;
  }

  const std::shared_ptr<const Source> source_;
  Diagnostics& diagnostics_;
};

// What would cost more than it can be worth, found before it is parsed.
bool is_reasonable(std::string_view text, const std::shared_ptr<const Source>& source,
                   Diagnostics& diagnostics) {
  if (text.size() > kMostDocumentBytes) {
    diagnostics.error({source, 0, 0}, "", "is larger than 1 MiB", "no configuration is that long");
    return false;
  }
  int number = 0;
  for (std::size_t start = 0; start < text.size(); ++number) {
    const std::string_view line = text.substr(start, text.find('\n', start) - start);
    start += line.size() + 1;
    const Location at{source, number + 1, 1};
    if (line.size() > kMostLineBytes) {
      diagnostics.error(at, "", "is a line longer than 16 KiB", "break it");
      return false;
    }
    if (std::count(line.begin(), line.end(), '.') > kMostDots) {
      diagnostics.error(at, "", "is a line with more than 256 dots", "break it");
      return false;
    }
    if (const std::size_t bad = line.find('\0'); bad != std::string_view::npos) {
      diagnostics.error({source, number + 1, static_cast<int>(bad) + 1}, "", "is a NUL byte",
                        "configuration is text");
      return false;
    }
    if (!text::is_utf8(line)) {
      diagnostics.error(at, "", "is not valid UTF-8", "save the file as UTF-8");
      return false;
    }
  }
  return true;
}

}  // namespace

const char* kind_of(const Node& node) {
  static constexpr const char* kKinds[] = {"a text",        "a number", "a number with a fraction",
                                           "true or false", "a list",   "a table"};
  return kKinds[node.value.index()];
}

std::string shown(const Node& node) {
  if (const auto* text = node.as<std::string>()) return *text;
  if (const auto* integer = node.as<std::int64_t>()) return std::to_string(*integer);
  if (const auto* boolean = node.as<bool>()) return *boolean ? "true" : "false";
  if (const auto* real = node.as<double>()) return std::to_string(*real);
  return node.as<Array>() != nullptr ? "[…]" : "{…}";
}

std::unique_ptr<Table> parse_document(std::string_view text, std::shared_ptr<const Source> source,
                                      Diagnostics& diagnostics) {
  if (!is_reasonable(text, source, diagnostics)) return nullptr;
  const toml::parse_result result = toml::parse(text, source->name);
  Converter converter(source, diagnostics);
  if (!result) {
    const toml::parse_error& error = result.error();
    diagnostics.error(converter.location(error.source()), "",
                      "is not TOML: " + std::string(error.description()),
                      "texts are in quotes, as in memory = \"512M\"");
    return nullptr;
  }
  const std::size_t before = diagnostics.errors();
  auto table = std::make_unique<Table>(converter.table(result.table()));
  return diagnostics.errors() == before ? std::move(table) : nullptr;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      static constexpr char kDigits[] = "0123456789ABCDEF";
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace mayfly::settings
