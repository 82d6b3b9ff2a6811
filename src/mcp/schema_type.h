#pragma once

#include <string_view>

#include "mcp/json.h"

namespace mayfly::mcp {

// Whether `schema` lets a value of JSON type `type` ("string", "integer"…) through its `type`
// keyword. A schema without one takes every type; "number" takes integers.
bool takes_type(const Json& schema, std::string_view type);

// "integer", "array or null"… for messages. "any type" without a `type` keyword.
std::string type_words(const Json& schema);

// The JSON type of `value`: "integer" for whole numbers.
std::string_view type_name(const Json& value);

}  // namespace mayfly::mcp
