#pragma once

#include "base/result.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox {

// How much of a sandbox this host can make for `policy`, found by making the first steps of one in
// a process that ends at once. Tier::kFull without looking if the policy accepts nothing else: what
// is missing then is said by the stage that fails. E2002 if the host can make neither.
Result<Tier> choose_tier(const Policy& policy);

}  // namespace mayfly::sandbox
