#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "settings/document.h"

namespace mayfly::settings {

// What is wrong with a value; `at` if it is a part of it that is.
struct Complaint {
  std::string message;  // "is not a size"
  std::string remedy;
  std::optional<Location> at;
  std::string value;              // of that part
  std::vector<Complaint> more{};  // about other parts
};

template <typename T>
using Reading = tl::expected<T, Complaint>;
inline tl::unexpected<Complaint> complain(std::string message, std::string remedy) {
  return tl::unexpected<Complaint>(Complaint{std::move(message), std::move(remedy), {}, {}, {}});
}
inline tl::unexpected<Complaint> complain(const Node& part, std::string message,
                                          std::string remedy) {
  return tl::unexpected<Complaint>(
      Complaint{std::move(message), std::move(remedy), part.at, shown(part), {}});
}
inline tl::unexpected<Complaint> complain(const Error& error) {
  return complain(error.message, error.remedy);
}

// How one type of value is written in a file: read and written by the same object, so that what
// is printed parses to the same value, and described, for people and for editors.
template <typename T>
struct Codec {
  std::string type;    // "size", for tables in documents
  std::string schema;  // a JSON Schema, as text
  std::function<Reading<T>(const Node&)> read;
  std::function<std::string(const T&)> write;  // TOML
};

// "size", "time", "share", "number" (units.h).
Codec<std::uint64_t> size_codec();
Codec<milliseconds> duration_codec();
Codec<std::uint64_t> percent_codec();
Codec<std::uint64_t> count_codec(std::uint64_t least, std::uint64_t most);
Codec<bool> bool_codec();

// A text that `check` accepts.
using TextCheck = std::function<Reading<std::string>(const std::string&)>;
Codec<std::string> text_codec(std::string type, TextCheck check);
Codec<std::string> any_text_codec(std::size_t most_bytes);

// `codec`, or the word that stands for `meaning`: "auto", "none".
template <typename T>
Codec<T> or_word(Codec<T> codec, const std::string& word, T meaning) {
  Codec<T> out;
  out.type = codec.type + " or \"" + word + "\"";
  out.schema = R"({"anyOf":[{"const":")" + word + R"("},)" + codec.schema + "]}";
  out.read = [codec, word, meaning](const Node& node) -> Reading<T> {
    const auto* text = node.as<std::string>();
    if (text != nullptr && *text == word) return meaning;
    auto value = codec.read(node);
    if (!value) value.error().remedy += ", or \"" + word + "\"";
    return value;
  };
  out.write = [codec, word, meaning](const T& value) {
    return value == meaning ? quoted(word) : codec.write(value);
  };
  return out;
}

// One of a few words.
std::string words_schema(const std::vector<std::string>& words);
Complaint no_such_word(const std::string& given, const std::vector<std::string>& words);
template <typename T>
Codec<T> word_codec(std::vector<std::pair<std::string, T>> words) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.push_back(name);
  Codec<T> out;
  for (const std::string& name : names) {
    out.type += (out.type.empty() ? "" : " or ") + settings::quoted(name);
  }
  out.schema = words_schema(names);
  out.read = [words, names](const Node& node) -> Reading<T> {
    const auto* text = node.as<std::string>();
    for (const auto& [name, value] : words) {
      if (text != nullptr && *text == name) return value;
    }
    return tl::unexpected<Complaint>(no_such_word(text != nullptr ? *text : "", names));
  };
  out.write = [words](const T& value) {
    for (const auto& [name, each] : words) {
      if (each == value) return settings::quoted(name);  // not std::quoted, by way of T
    }
    return std::string();
  };
  return out;
}

// More than anybody writes, so that looking at pairs of them takes no time.
inline constexpr std::size_t kMostItems = 4096;
Complaint too_many_items();
// "[a, b]", broken into lines where it is long.
std::string list_text(const std::vector<std::string>& items);

// A list, as one value: a later file's replaces it.
template <typename T>
Codec<std::vector<T>> list_codec(Codec<T> item) {
  Codec<std::vector<T>> out;
  out.type = "list of " + item.type;
  out.schema = R"({"type":"array","items":)" + item.schema + "}";
  out.read = [item](const Node& node) -> Reading<std::vector<T>> {
    const auto* array = node.as<Array>();
    if (array == nullptr) return complain("is not a list", "put it in [ ]");
    if (array->size() > kMostItems) return tl::unexpected<Complaint>(too_many_items());
    std::vector<T> values;
    std::vector<Complaint> complaints;
    for (const Node& each : *array) {
      auto value = item.read(each);
      if (value) {
        values.push_back(*std::move(value));
        continue;
      }
      Complaint complaint = std::move(value).error();
      if (!complaint.at) {
        complaint.at = each.at;
        complaint.value = shown(each);
      }
      complaints.push_back(std::move(complaint));
    }
    if (complaints.empty()) return values;
    Complaint first = std::move(complaints.front());
    first.more.insert(first.more.end(), complaints.begin() + 1, complaints.end());
    return tl::unexpected<Complaint>(std::move(first));
  };
  out.write = [item](const std::vector<T>& values) {
    std::vector<std::string> items;
    for (const T& each : values) items.push_back(item.write(each));
    return list_text(items);
  };
  return out;
}

}  // namespace mayfly::settings
