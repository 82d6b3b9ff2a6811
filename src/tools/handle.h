#pragma once

#include <string>
#include <string_view>

namespace mayfly::tools {

// `prefix` and 128 random bits in base 32, 26 characters: what cannot be guessed names a job or a
// shell's state. Thread-safe.
std::string new_handle(std::string_view prefix);

}  // namespace mayfly::tools
