#include "mcp/schema_type.h"

#include <algorithm>
#include <string>

namespace mayfly::mcp {

bool takes_type(const Json& schema, std::string_view type) {
  const Json* declared = member(schema, "type");
  if (declared == nullptr) return true;
  const auto is = [type](const Json& name) {
    return name == type || (name == "number" && type == "integer");
  };
  if (declared->is_array()) return std::any_of(declared->begin(), declared->end(), is);
  return is(*declared);
}

std::string type_words(const Json& schema) {
  const Json* declared = member(schema, "type");
  if (declared == nullptr) return "any type";
  if (declared->is_string()) return declared->get<std::string>();
  std::string words;
  for (const Json& name : *declared) {
    if (!name.is_string()) continue;
    words += (words.empty() ? "" : " or ") + name.get<std::string>();
  }
  return words;
}

std::string_view type_name(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return "boolean";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "integer";
    case Json::value_t::number_float:
      return "number";
    case Json::value_t::string:
      return "string";
    case Json::value_t::array:
      return "array";
    case Json::value_t::object:
      return "object";
    default:
      return "unknown";
  }
}

}  // namespace mayfly::mcp
