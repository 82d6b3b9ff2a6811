#include "settings/codec.h"

#include "base/text.h"
#include "settings/units.h"

namespace mayfly::settings {
namespace {

constexpr const char* kInQuotes = "write it in quotes";
constexpr std::size_t kMostOnALine = 80;

// Of a text or of a plain number.
template <typename T>
Codec<T> number_codec(const char* type, const char* schema, Result<T> (*parse)(std::string_view),
                      std::string (*print)(T), bool bare_numbers) {
  Codec<T> out;
  out.type = type;
  out.schema = schema;
  out.read = [parse, bare_numbers, type](const Node& node) -> Reading<T> {
    std::string text;
    if (const auto* given = node.as<std::string>()) {
      text = *given;
    } else if (const auto* number = node.as<std::int64_t>(); number != nullptr && bare_numbers) {
      text = std::to_string(*number);
    } else {
      return complain(std::string("is ") + kind_of(node) + " and no " + type,
                      bare_numbers ? kInQuotes : "write it in quotes and with its unit");
    }
    auto value = parse(text);
    if (!value) return complain(value.error());
    return *value;
  };
  out.write = [print](const T& value) { return quoted(print(value)); };
  return out;
}

}  // namespace

Codec<std::uint64_t> size_codec() {
  return number_codec<std::uint64_t>(
      "size",
      R"({"anyOf":[{"type":"integer","minimum":1},)"
      R"({"type":"string","pattern":"^[0-9]+([KMGTkmgt](i?B)?)?$"}]})",
      parse_size, size_text, true);
}

Codec<milliseconds> duration_codec() {
  return number_codec<milliseconds>("time",
                                    R"({"type":"string","pattern":"^([0-9]+(d|h|m|s|ms))+$"})",
                                    parse_duration, duration_text, false);
}

Codec<std::uint64_t> percent_codec() {
  return number_codec<std::uint64_t>("share", R"({"type":"string","pattern":"^[0-9]+%$"})",
                                     parse_percent, percent_text, false);
}

Codec<std::uint64_t> count_codec(std::uint64_t least, std::uint64_t most) {
  Codec<std::uint64_t> out;
  out.type = "number";
  out.schema = R"({"type":"integer","minimum":)" + std::to_string(least) + R"(,"maximum":)" +
               std::to_string(most) + "}";
  out.read = [least, most](const Node& node) -> Reading<std::uint64_t> {
    const auto* number = node.as<std::int64_t>();
    if (number == nullptr) {
      return complain(std::string("is ") + kind_of(node) + " and no number",
                      "write digits, without quotes");
    }
    if (*number < 0 || std::uint64_t(*number) < least || std::uint64_t(*number) > most) {
      return complain("is out of range",
                      "give " + std::to_string(least) + " to " + std::to_string(most));
    }
    return std::uint64_t(*number);
  };
  out.write = [](const std::uint64_t& value) { return std::to_string(value); };
  return out;
}

Codec<bool> bool_codec() {
  Codec<bool> out;
  out.type = "true or false";
  out.schema = R"({"type":"boolean"})";
  out.read = [](const Node& node) -> Reading<bool> {
    if (const auto* value = node.as<bool>()) return *value;
    return complain(std::string("is ") + kind_of(node), "write true or false, without quotes");
  };
  out.write = [](const bool& value) { return std::string(value ? "true" : "false"); };
  return out;
}

Codec<std::string> text_codec(std::string type, TextCheck check) {
  Codec<std::string> out;
  out.type = std::move(type);
  out.schema = R"({"type":"string"})";
  out.read = [check = std::move(check)](const Node& node) -> Reading<std::string> {
    const auto* text = node.as<std::string>();
    if (text == nullptr) return complain(std::string("is ") + kind_of(node), kInQuotes);
    return check(*text);
  };
  out.write = [](const std::string& value) { return quoted(value); };
  return out;
}

Codec<std::string> any_text_codec(std::size_t most_bytes) {
  return text_codec("text", [most_bytes](const std::string& text) -> Reading<std::string> {
    if (text.size() > most_bytes) {
      return complain("is longer than " + std::to_string(most_bytes) + " bytes", "shorten it");
    }
    return text;
  });
}

std::string words_schema(const std::vector<std::string>& words) {
  std::string out = R"({"enum":[)";
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += std::string(i > 0 ? "," : "") + "\"" + words[i] + "\"";
  }
  return out + "]}";
}

Complaint no_such_word(const std::string& given, const std::vector<std::string>& words) {
  const std::string near = text::nearest(given, words);
  return {
      "is not known",
      near.empty() ? "write one of " + text::join(words, ", ") : "did you mean \"" + near + "\"?",
      {},
      {},
      {}};
}

Complaint too_many_items() {
  return {"has more than " + std::to_string(kMostItems) + " entries", "use patterns", {}, {}, {}};
}

std::string list_text(const std::vector<std::string>& items) {
  std::size_t length = 0;
  for (const std::string& item : items) length += item.size() + 2;
  if (length <= kMostOnALine) return "[" + text::join(items, ", ") + "]";
  std::string out = "[";
  for (const std::string& item : items) out += "\n  " + item + ",";
  return out + "\n]";
}

}  // namespace mayfly::settings
