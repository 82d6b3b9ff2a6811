#pragma once

#include "sandbox/policy.h"
#include "sandbox/profile.h"
#include "settings/diagnostics.h"

namespace mayfly::sandbox {

// Warns of what a merged profile says to no purpose: paths that this host does not have, rules that
// other rules make idle, a profile in which no program can run. Only rules that an operator wrote
// are judged: those that ship name what some hosts have and others do not. `home` and `workspace`
// stand for the variables.
void warn_of_idle_rules(const Profile& profile, const std::string& home,
                        const std::string& workspace, settings::Diagnostics& diagnostics);

}  // namespace mayfly::sandbox
