#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace mayfly::sandbox {

// What matches `pattern` in the tree (tree_paths.h) now, for covers. Follows no link below the
// pattern's fixed directory, which is pinned, does not go into /proc, /dev and /sys, and not below
// a match. A directory that cannot be looked through counts as a match itself: one that may not be
// read, more than 128 levels deep, or whose path is longer than names in it may be opened by.
// The paths are absolute, and no link is above their last component. E3002 for more than 200 000
// entries or 4 096 matches.
Result<std::vector<std::string>> find_in_tree(const std::string& pattern);

}  // namespace mayfly::sandbox
