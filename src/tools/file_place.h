#pragma once

#include <string>

#include "base/result.h"
#include "files/target.h"
#include "sandbox/policy.h"

namespace mayfly::tools {

// What a tool will do with a place: what is written where nothing is kept would be lost.
enum class PlaceUse { kRead, kWrite };

// What a path argument means under `policy`. A relative path is below the first workspace. Of an
// absolute one the area is the workspace that it is written below, the scratch directory
// ("$SCRATCH/…" is understood), or else "/": the sandbox's own root, which has what the profile
// shows. Nothing is looked at here, so that no link can be followed: only the words of the path
// count, before any "..".
//
// E5001 for what no path can be, and for /tmp and the like, which are new for each call.
Result<files::Target> place(const std::string& path, const sandbox::Policy& policy, PlaceUse use);

// The path of `target` below its area without "..", as far as words go.
std::string path_in_area(const files::Target& target);

}  // namespace mayfly::tools
