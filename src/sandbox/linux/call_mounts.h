#pragma once

#include <vector>

#include "base/result.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {

// Does the `ops` of one call below kTree, in init's own copy of the mount namespace.
Status mount_call(const std::vector<CallOp>& ops, const std::vector<Source>& sources);

// Makes kTree the root and detaches everything that is not below it.
Status enter_tree();

}  // namespace mayfly::sandbox
