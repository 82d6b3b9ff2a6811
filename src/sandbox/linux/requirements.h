#pragma once

#include "base/result.h"
#include "sandbox/linux/cgroup.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox {

// Whether everything that `policy` insists on is in force here, and E2002 with the remedy for what
// is not. What the kernel can do is asked once for each process.
Status check_requirements(const Policy& policy, const CgroupAbilities& cgroups);

}  // namespace mayfly::sandbox
