#pragma once

#include <string>
#include <vector>

#include "sandbox/policy.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// Sentences that say what a command in this sandbox can do and what not: files, network, system
// calls, what it may use, and what weakens the sandbox. `policy` may be null.
std::vector<std::string> prose_of(const Profile& profile, const Policy* policy);

// Whether any program can be seen, so that one can run.
bool shows_programs(const Profile& profile);

}  // namespace mayfly::sandbox
