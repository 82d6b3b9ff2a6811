#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

// Numbers with units, as operators write them in files and options. Errors are E1001 without a
// field: who asks knows which one it is.
namespace mayfly::settings {

// "4096", "512M", "2GiB", "64K": powers of 1024. At least 1 byte.
Result<std::uint64_t> parse_size(std::string_view text);
// "500ms", "30s", "10m", "1h", "1h30m", "2d". At least 1 ms, at most a year.
Result<milliseconds> parse_duration(std::string_view text);
// "50%", "200%": whole, at least 1, at most 100 000.
Result<std::uint64_t> parse_percent(std::string_view text);
// Digits only, at least 1.
Result<std::uint64_t> parse_count(std::string_view text);

// The shortest text that parses to exactly this value: "512M", "1h30m", "50%".
std::string size_text(std::uint64_t bytes);
std::string duration_text(milliseconds time);
std::string percent_text(std::uint64_t percent);

}  // namespace mayfly::settings
