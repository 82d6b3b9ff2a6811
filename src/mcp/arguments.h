#pragma once

#include <vector>

#include "base/error.h"
#include "mcp/schema.h"

namespace mayfly::mcp {

// What a model meant, where the schema leaves one meaning: null for a property that is optional and
// not nullable is dropped; a string that spells a number, boolean, array or object becomes that
// where the schema takes no string; 5.0 becomes 5 where it takes integers only. Nothing is ever
// made into a string: a file's content that happens to be JSON stays what it is.
void coerce_arguments(Json& arguments, const Json& schema);

// Every fault of `arguments` (at most 8) in words that a model can act on: the path of the
// argument, its value, what is expected, the right name for a wrong one. Knows type, enum, const,
// the bounds of strings, numbers and arrays, properties, required, additionalProperties,
// propertyNames and items; anything else is left to Schema::faults.
std::vector<Error> explain_faults(const Json& arguments, const Json& schema);

// Coerces, explains and, if nothing was found, lets `compiled` (of the same schema) judge.
std::vector<Error> check_arguments(Json& arguments, const Json& schema, const Schema& compiled);

}  // namespace mayfly::mcp
