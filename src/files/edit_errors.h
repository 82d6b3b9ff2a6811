#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "files/edit.h"

namespace mayfly::files {

// "edits[2].old"
std::string edit_field(std::size_t index, const char* part);

inline constexpr std::size_t kMostLinesNamed = 10;

// What an edit that cannot be made is told. The messages may have several lines.
enum class Earlier : std::uint8_t { kHadNoPart, kRemovedIt };  // edits of the same call
Error no_match(std::size_t index, const Edit& edit, Matching matching, std::string_view text,
               Earlier earlier);
// `lines`: of the matches, one more than are named if there are more.
Error several_matches(std::size_t index, const Edit& edit, const std::vector<std::uint64_t>& lines);
Error too_large(std::size_t index, const Edit& edit);

}  // namespace mayfly::files
