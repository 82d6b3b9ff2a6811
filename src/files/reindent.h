#pragma once

#include <string>
#include <string_view>

namespace mayfly::files {

// `replacement`, indented as far as `found` is where `wanted` was matched to it: the difference
// between the first lines that are not blank is applied to every line. `found` starts at the start
// of a line, or with the end of one. Lines end in LF.
std::string reindent(std::string_view replacement, std::string_view wanted, std::string_view found);

}  // namespace mayfly::files
