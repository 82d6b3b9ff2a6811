#pragma once

#include "base/result.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {

// Does the call ops of `root` below kTree, in init's own copy of the mount namespace. `limits` may
// make temporary directories smaller than the policy does.
Status mount_call(const RootPlan& root, const Limits& limits);

// Makes kTree the root and detaches everything that is not below it.
Status enter_tree();

}  // namespace mayfly::sandbox
