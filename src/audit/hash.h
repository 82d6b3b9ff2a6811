#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly::audit {

inline constexpr std::size_t kHashDigits = 64;

// SHA-256, in 64 hexadecimal digits.
std::string sha256(std::string_view bytes);
// HMAC-SHA-256 (RFC 2104), in 64 hexadecimal digits.
std::string hmac_sha256(std::string_view key, std::string_view bytes);
// Compares in a time that does not depend on where they differ.
bool same_text(std::string_view a, std::string_view b);
bool is_hash(std::string_view text);

std::string hex(std::string_view bytes);
// From the kernel, for keys and names.
Result<std::string> random_bytes(std::size_t count);

}  // namespace mayfly::audit
