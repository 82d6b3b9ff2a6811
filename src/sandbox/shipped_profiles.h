#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// The names of the profiles that ship, the default one first.
std::vector<std::string> shipped_profiles();

// E1002 with the nearest name if there is no such profile.
Result<Profile> find_profile(const std::string& name);

}  // namespace mayfly::sandbox
