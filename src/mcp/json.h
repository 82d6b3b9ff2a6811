#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly::mcp {

// Objects keep the order of their members: what we send reads as it was written.
using Json = nlohmann::ordered_json;

// What a text may hold at most. They bound memory and the stack of everything that walks a value
// recursively; a peer's message that exceeds one is refused, never cut.
struct JsonLimits {
  std::size_t depth = 128;
  std::size_t values = 1'000'000;
};

// The value that `text` spells. Refused besides bad syntax: invalid UTF-8, a name given twice in
// one object (two readers could disagree about it), numbers that no double holds. Never throws.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

// `text` with invalid UTF-8 and unpaired surrogate escapes replaced by U+FFFD. Good for finding out
// which request to refuse, not for acting on it.
std::string repair_json_text(std::string_view text);

// One line. Invalid UTF-8 becomes U+FFFD. Never throws.
std::string dump_json(const Json& value);

// The member `name` of `object` unless `object` is no object, has no such member, or it is null.
const Json* member(const Json& object, std::string_view name);

}  // namespace mayfly::mcp
