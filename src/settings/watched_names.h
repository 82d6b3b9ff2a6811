#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace mayfly::settings {

// Directories, and the names in each whose coming, going or change matters.
using WatchedNames = std::map<std::string, std::set<std::string>>;

// What to watch in order to hear of every change of `files`, there or not: the directory of each,
// or the nearest one that is there, and the same for what links on the way point to.
WatchedNames watched_names(const std::vector<std::string>& files);

}  // namespace mayfly::settings
