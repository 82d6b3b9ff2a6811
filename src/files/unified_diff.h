#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mayfly::files {

struct CutDiff {
  std::string text;
  bool cut = false;  // it ends at a line's end before it is complete
};

// What unified_diff() of edit.h returns, but no more than `max_chars` bytes of it.
CutDiff unified_diff(std::string_view before, std::string_view after, const std::string& name,
                     std::uint64_t max_chars);

}  // namespace mayfly::files
