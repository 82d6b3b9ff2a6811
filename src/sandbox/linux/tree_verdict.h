#pragma once

#include <sys/types.h>

#include "sandbox/linux/asking_thread.h"
#include "sandbox/linux/call_verdict.h"
#include "sandbox/linux/path_call.h"
#include "sandbox/linux/path_surroundings.h"

namespace mayfly::sandbox {

// What the mounts of Tier::kFull make of `call`, which `thread` waits with. `held` is whatever the
// call before this one left.
CallVerdict tree_verdict(const PathSurroundings& around, const PathCall& call, pid_t thread,
                         HeldThread& held);

}  // namespace mayfly::sandbox
