#pragma once

#include "base/result.h"
#include "sandbox/engine.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox {

// E2003 for a variable of `command` that the policy does not let a call set. Every engine asks this
// when it plans a call, so that no caller can forget to.
Status check_settable(const Policy& policy, const Command& command);

}  // namespace mayfly::sandbox
