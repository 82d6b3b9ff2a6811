#include "settings/document.h"

// Only here, and without the library's own binary: deep nesting is limited at compile time.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 16
#define TOML_ENABLE_FORMATTERS 0
// The library's assertions do not hold ("[=]"): they abort, or with NDEBUG are promises to the
// compiler that are broken. What it checks behind them is an ordinary error.
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>
#include <algorithm>
#include <utility>

#include "base/text.h"

namespace mayfly::settings {
namespace {

constexpr std::size_t kMostLineBytes = 16 * 1024;
// Each dot in a key is a table in a table, which are taken apart recursively.
constexpr std::ptrdiff_t kMostDots = 256;
// Of one line of a text that is printed, so that several fit.
constexpr std::size_t kMostQuotedBytes = 1000;
constexpr std::ptrdiff_t kMostQuotedDots = 32;

// The library says what is wrong; what to do depends on little.
std::string remedy_for(std::string_view what) {
  if (what.find("redefine") != std::string_view::npos) return "it is there twice: keep one";
  if (what.find("value") != std::string_view::npos) {
    return "texts are in quotes, as in memory = \"512M\"";
  }
  return "mend it there";
}

class Converter {
 public:
  Converter(std::string_view text, std::shared_ptr<const Source> source, Diagnostics& diagnostics)
      : text_(text), source_(std::move(source)), diagnostics_(diagnostics) {}

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

  std::string line_of(const toml::source_region& region) const {
    std::size_t start = 0;
    for (auto line = region.begin.line; line > 1; --line) {
      start = text_.find('\n', start);
      if (start == std::string_view::npos) return "";
      ++start;
    }
    return std::string(text_.substr(start, text_.find('\n', start) - start));
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
      diagnostics_.error(to.at, line_of(from.source()),
                         "is a date or a time, and no setting is one",
                         "write a text in quotes if one was meant");
      return std::nullopt;
    }
    return to;
  }

  const std::string_view text_;
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
      diagnostics.error(at, std::string(line), "is a line longer than 16 KiB", "break it");
      return false;
    }
    if (std::count(line.begin(), line.end(), '.') > kMostDots) {
      diagnostics.error(at, std::string(line), "is a line with more than 256 dots", "break it");
      return false;
    }
    if (const std::size_t bad = line.find('\0'); bad != std::string_view::npos) {
      diagnostics.error({source, number + 1, static_cast<int>(bad) + 1}, "", "is a NUL byte",
                        "configuration is text");
      return false;
    }
    if (!text::is_utf8(line)) {
      diagnostics.error(at, std::string(line), "is not valid UTF-8", "save the file as UTF-8");
      return false;
    }
  }
  return true;
}

std::string escaped(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') return std::string("\\") + c;
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  if (byte >= 0x20 && byte != 0x7f) return std::string(1, c);
  static constexpr char kDigits[] = "0123456789ABCDEF";
  return std::string("\\u00") + kDigits[byte >> 4] + kDigits[byte & 15];
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
  const toml::parse_result result = toml::parse(text);
  Converter converter(text, source, diagnostics);
  if (!result) {
    const toml::parse_error& error = result.error();
    diagnostics.error(converter.location(error.source()), converter.line_of(error.source()),
                      "is not TOML: " + std::string(error.description()),
                      remedy_for(error.description()));
    return nullptr;
  }
  return std::make_unique<Table>(converter.table(result.table()));
}

std::string quoted(std::string_view text) {
  // A long one goes over several lines, since those are bounded.
  const bool long_text =
      text.size() > kMostQuotedBytes || std::count(text.begin(), text.end(), '.') > kMostQuotedDots;
  std::string out = long_text ? "\"\"\"\\\n" : "\"";
  std::size_t bytes = 0;
  std::ptrdiff_t dots = 0;
  for (const char c : text) {
    const bool whole = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (long_text && whole && (bytes >= kMostQuotedBytes || dots >= kMostQuotedDots)) {
      out += "\\\n";
      bytes = 0;
      dots = 0;
    }
    // A space in front would go with the line's end.
    out += long_text && bytes == 0 && c == ' ' ? "\\u0020" : escaped(c);
    ++bytes;
    if (c == '.') ++dots;
  }
  return out + (long_text ? "\"\"\"" : "\"");
}

std::string quoted_key(std::string_view text) {
  std::string out = "\"";
  std::ptrdiff_t dots = 0;
  for (const char c : text) {
    out += c == '.' && ++dots > kMostQuotedDots ? "\\u002E" : escaped(c);
  }
  return out + "\"";
}

}  // namespace mayfly::settings
