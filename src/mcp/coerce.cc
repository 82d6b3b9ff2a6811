#include <algorithm>
#include <cctype>
#include <cmath>
#include <string>

#include "mcp/arguments.h"
#include "mcp/schema_type.h"

namespace mayfly::mcp {
namespace {

// Beyond it a double no longer tells neighbouring integers apart.
constexpr double kExactInteger = 9007199254740992.0;

bool is_required(const Json& schema, std::string_view name) {
  const Json* required = member(schema, "required");
  return required != nullptr && std::any_of(required->begin(), required->end(),
                                            [name](const Json& entry) { return entry == name; });
}

void whole_number(Json& value, const Json& schema) {
  if (!value.is_number_float() || takes_type(schema, "number")) return;
  const double number = value.get<double>();
  if (takes_type(schema, "integer") && std::trunc(number) == number &&
      std::fabs(number) < kExactInteger) {
    value = static_cast<std::int64_t>(number);
  }
}

// "True" comes from Python.
bool is_boolean_word(const std::string& text, Json& out) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower != "true" && lower != "false") return false;
  out = lower == "true";
  return true;
}

void spelled_value(Json& value, const Json& schema) {
  constexpr std::size_t kLongestScalar = 64;
  if (!value.is_string() || takes_type(schema, "string")) return;
  const auto& text = value.get_ref<const std::string&>();
  Json meant;
  if (takes_type(schema, "boolean") && text.size() < kLongestScalar &&
      is_boolean_word(text, meant)) {
    value = std::move(meant);
    return;
  }
  auto parsed = parse_json(text);
  if (!parsed) return;
  whole_number(*parsed, schema);
  if (!parsed->is_null() && takes_type(schema, type_name(*parsed))) value = std::move(*parsed);
}

void coerce_members(Json& object, const Json& schema) {
  const Json* properties = member(schema, "properties");
  const Json* others = member(schema, "additionalProperties");
  for (auto entry = object.begin(); entry != object.end();) {
    const Json* property = properties != nullptr ? member(*properties, entry.key()) : nullptr;
    if (property != nullptr && entry->is_null() && !takes_type(*property, "null") &&
        !is_required(schema, entry.key())) {
      entry = object.erase(entry);
      continue;
    }
    if (property != nullptr) {
      coerce_arguments(*entry, *property);
    } else if (others != nullptr && others->is_object()) {
      coerce_arguments(*entry, *others);
    }
    ++entry;
  }
}

}  // namespace

void coerce_arguments(Json& arguments, const Json& schema) {
  if (member(schema, "type") != nullptr) {
    spelled_value(arguments, schema);
    whole_number(arguments, schema);
  }
  if (arguments.is_object()) {
    coerce_members(arguments, schema);
  } else if (const Json* items = member(schema, "items");
             arguments.is_array() && items != nullptr) {
    for (Json& item : arguments) coerce_arguments(item, *items);
  }
}

}  // namespace mayfly::mcp
