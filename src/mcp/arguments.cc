#include "mcp/arguments.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "mcp/schema_type.h"

namespace mayfly::mcp {
namespace {

constexpr std::size_t kMostFaults = 8;

// Short enough to be suggested for or shown; a value can have megabytes.
constexpr std::size_t kShown = 256;
constexpr std::size_t kLongestName = 64;

std::string shown(const Json& value) {
  if (value.is_string()) return text::shorten(value.get_ref<const std::string&>(), kShown);
  if (value.is_structured() && value.size() > 8) {
    return std::string(type_name(value)) + " of " + std::to_string(value.size());
  }
  return text::shorten(dump_json(value), kShown);
}

std::string listed(const Json& values) {
  std::string words;
  for (const Json& value : values) words += (words.empty() ? "" : ", ") + dump_json(value);
  return words;
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// True if one of them, cut at each _, has the other as a word: file_path and path, old_text and
// old.
bool has_word(const std::string& name, const std::string& word) {
  const std::vector<std::string> words = text::split(name, '_');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// True if `name` leaves letters out of `word`, but not its first and last: cmd for command.
bool abbreviates(const std::string& name, const std::string& word) {
  if (name.size() < 3 || name.size() >= word.size() || name.back() != word.back() ||
      name.front() != word.front()) {
    return false;
  }
  std::size_t next = 0;
  for (const char c : word) next += next < name.size() && name[next] == c ? 1 : 0;
  return next == name.size();
}

// The name that `given` was probably meant to be; empty if none is near.
std::string meant(const std::string& given, const std::vector<std::string>& names) {
  const auto related = [&given](const std::string& name) {
    return has_word(given, name) || has_word(name, given) || abbreviates(given, name);
  };
  const auto found = std::find_if(names.begin(), names.end(), related);
  const bool only =
      found != names.end() && std::find_if(found + 1, names.end(), related) == names.end();
  return only ? *found : text::nearest(given, names);
}

// Walks a value along its schema and writes down what does not fit.
class Walk {
 public:
  std::vector<Error> found;

  void value(const Json& given, const Json& schema, const std::string& path) {
    if (full() || !schema.is_object()) return;
    if (!takes_type(schema, type_name(given))) {
      add(path, given, "must be " + type_words(schema) + ", not " + std::string(type_name(given)),
          example(schema));
      return;
    }
    choices(given, schema, path);
    if (given.is_string()) string(given, schema, path);
    if (given.is_number()) number(given, schema, path);
    if (given.is_array()) array(given, schema, path);
    if (given.is_object()) object(given, schema, path);
  }

 private:
  // How to write what the name of the type does not tell: a list. Empty for others.
  static std::string example(const Json& schema) {
    const Json* items = member(schema, "items");
    if (items == nullptr || !items->is_object() || !takes_type(schema, "array")) return "";
    if (!takes_type(*items, "object")) return "give a list, as in [\"a\", \"b\"]";
    std::string members;
    if (const Json* required = member(*items, "required")) {
      for (const Json& name : *required)
        members += (members.empty() ? "" : ", ") + dump_json(name) + ": ...";
    }
    return "give a list of objects, as in [{" + members + "}]";
  }

  bool full() const { return found.size() >= kMostFaults; }

  void add(const std::string& path, const Json& given, const std::string& message,
           const std::string& remedy = "") {
    if (full()) return;
    found.push_back(input_error(ErrorCode::kInvalidArgument, path.empty() ? "arguments" : path,
                                shown(given), message, remedy));
  }

  void choices(const Json& given, const Json& schema, const std::string& path) {
    if (const auto only = schema.find("const"); only != schema.end() && *only != given) {
      add(path, given, "must be " + dump_json(*only));
    }
    const Json* allowed = member(schema, "enum");
    if (allowed == nullptr ||
        std::find(allowed->begin(), allowed->end(), given) != allowed->end()) {
      return;
    }
    std::vector<std::string> names;
    for (const Json& choice : *allowed) {
      if (choice.is_string()) names.push_back(choice.get<std::string>());
    }
    const std::string near = given.is_string() ? text::nearest(shown(given), names) : "";
    add(path, given, "must be one of " + listed(*allowed),
        near.empty() ? "" : "use \"" + near + "\"");
  }

  // True if the count fits; `unit` as in "characters".
  bool count(std::size_t given, const Json& schema, const char* least, const char* most,
             const std::string& unit, std::string& message) {
    const Json* low = member(schema, least);
    const Json* high = member(schema, most);
    if (low != nullptr && low->is_number() && static_cast<double>(given) < low->get<double>()) {
      message =
          "must have at least " + dump_json(*low) + " " + unit + ", has " + std::to_string(given);
    } else if (high != nullptr && high->is_number() &&
               static_cast<double>(given) > high->get<double>()) {
      message =
          "must have at most " + dump_json(*high) + " " + unit + ", has " + std::to_string(given);
    }
    return message.empty();
  }

  void string(const Json& given, const Json& schema, const std::string& path) {
    if (!schema.contains("minLength") && !schema.contains("maxLength")) return;
    std::string message;
    if (!count(characters(given.get_ref<const std::string&>()), schema, "minLength", "maxLength",
               "characters", message)) {
      add(path, given, message);
    }
  }

  void number(const Json& given, const Json& schema, const std::string& path) {
    const auto bound = [&](const char* keyword, const char* words, auto broken) {
      const Json* limit = member(schema, keyword);
      if (limit != nullptr && limit->is_number() && broken(given, *limit)) {
        add(path, given, std::string("must be ") + words + " " + dump_json(*limit));
      }
    };
    bound("minimum", "at least", [](const Json& a, const Json& b) { return a < b; });
    bound("maximum", "at most", [](const Json& a, const Json& b) { return a > b; });
    bound("exclusiveMinimum", "more than", [](const Json& a, const Json& b) { return a <= b; });
    bound("exclusiveMaximum", "less than", [](const Json& a, const Json& b) { return a >= b; });
  }

  void array(const Json& given, const Json& schema, const std::string& path) {
    std::string message;
    if (!count(given.size(), schema, "minItems", "maxItems", "items", message)) {
      add(path, given, message);
    }
    const Json* items = member(schema, "items");
    if (items == nullptr || !items->is_object()) return;
    for (std::size_t i = 0; i < given.size() && !full(); ++i) {
      value(given[i], *items, path + "[" + std::to_string(i) + "]");
    }
  }

  void object(const Json& given, const Json& schema, const std::string& path) {
    static const Json kNone = Json::object();
    const Json* declared = member(schema, "properties");
    const Json& properties = declared != nullptr ? *declared : kNone;
    const auto below = [&path](const std::string& name) {
      return (path.empty() ? "" : path + ".") + text::shorten(text::one_line(name), 80);
    };
    if (const Json* required = member(schema, "required")) {
      for (const Json& name : *required) {
        if (name.is_string() && !given.contains(name.get_ref<const std::string&>())) {
          missing(below(name.get<std::string>()), properties, name.get<std::string>());
        }
      }
    }
    const auto others = schema.find("additionalProperties");
    const Json* names = member(schema, "propertyNames");
    for (const auto& [name, entry] : given.items()) {
      if (full()) return;
      if (names != nullptr) value(Json(name), *names, below(name));
      if (const Json* property = member(properties, name)) {
        value(entry, *property, below(name));
      } else if (others != schema.end() && others->is_object()) {
        value(entry, *others, below(name));
      } else if (others != schema.end() && *others == false) {
        unknown(below(name), entry, properties, name);
      }
    }
  }

  void missing(const std::string& path, const Json& properties, const std::string& name) {
    if (full()) return;
    const Json* property = member(properties, name);
    const std::string type = property != nullptr && property->contains("type")
                                 ? "; it is " + type_words(*property)
                                 : std::string();
    const std::string shape = property != nullptr ? example(*property) : std::string();
    found.push_back(input_error(ErrorCode::kInvalidArgument, path, "",
                                "is required and was not given" + type,
                                shape.empty() ? "give \"" + name + "\"" : shape));
  }

  void unknown(const std::string& path, const Json& given, const Json& properties,
               const std::string& name) {
    std::vector<std::string> right;
    for (const auto& property : properties.items()) right.push_back(property.key());
    const std::string near = name.size() <= kLongestName ? meant(name, right) : "";
    const std::string all = right.empty() ? "this takes no arguments"
                                          : "leave it out; known are " + text::join(right, ", ");
    add(path, given, "unknown argument", near.empty() ? all : "use \"" + near + "\"");
  }
};

}  // namespace

std::vector<Error> explain_faults(const Json& arguments, const Json& schema) {
  Walk walk;
  walk.value(arguments, schema, "");
  return std::move(walk.found);
}

std::vector<Error> check_arguments(Json& arguments, const Json& schema, const Schema& compiled) {
  coerce_arguments(arguments, schema);
  std::vector<Error> faults = explain_faults(arguments, schema);
  return faults.empty() ? compiled.faults(arguments) : faults;
}

}  // namespace mayfly::mcp
