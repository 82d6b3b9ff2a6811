#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// The profiles that ship, by name and text (config/profiles), the default one first.
const std::vector<std::pair<std::string_view, std::string_view>>& shipped_profile_texts();
std::vector<std::string> shipped_profiles();

// One of them. E1002 with the nearest name if there is no such profile.
Result<Profile> find_profile(const std::string& name);

}  // namespace mayfly::sandbox
