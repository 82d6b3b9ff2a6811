#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace mayfly::files {

// The lines of `text`, each with its line end; the last may have none.
std::vector<std::string_view> split_lines(std::string_view text);

// Which lines differ: those of `before` that are removed, those of `after` that are added. The
// others are the same in the same order.
struct LineDiff {
  std::vector<bool> removed;
  std::vector<bool> added;
};

// The shortest difference by Myers' algorithm in linear space. `work` bounds the time, in steps of
// a few nanoseconds: where it runs out, the rest that is not yet compared is removed and added
// whole.
LineDiff diff_lines(const std::vector<std::string_view>& before,
                    const std::vector<std::string_view>& after, std::uint64_t work);

}  // namespace mayfly::files
