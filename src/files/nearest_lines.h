#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::files {

// The lines of a text that are most like those wanted.
struct NearestLines {
  std::uint64_t first = 0;  // counted from 1
  std::uint64_t last = 0;
  std::string shown;  // "12\tthe line" each; of many lines, and of long ones, the beginning
  std::string hint;   // what alone differs, if one thing does; else empty
};

// Nothing if no lines are much like `wanted`. Time: linear in `text`, and a bounded part for the
// few places that are looked at closely.
std::optional<NearestLines> nearest_lines(std::string_view text, std::string_view wanted);

}  // namespace mayfly::files
