#pragma once

#include <string>
#include <vector>

namespace mayfly::sandbox {

// Kills and removes the groups below `parent` that servers left which are dead, and whose keepers
// are too. A living one is known by its lock: each server holds an flock(2) on the directory of its
// own group and shares it with its keeper, and the kernel releases it when the last of the two is
// gone. So there is no file to go stale, and no server of another user, home or container can be
// taken for dead. Only groups of this user are looked at. Returns the paths of those that have a
// process that does not die.
std::vector<std::string> sweep(const std::string& parent);

}  // namespace mayfly::sandbox
