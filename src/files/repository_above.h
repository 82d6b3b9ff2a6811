#pragma once

#include <string>

#include "files/ignore_rules.h"

namespace mayfly::files {

// If `directory` is inside a repository whose top is at `area` or below it: enters the directories
// from there down to the one above `directory` into `chain`, and returns the path of `directory`
// below the top, with a '/' at its end. Otherwise, and if `area` is empty: enters nothing, and the
// path is empty.
std::string enter_above(int directory, const std::string& area, IgnoreChain& chain);

}  // namespace mayfly::files
