#pragma once

#include <sys/types.h>

#include "sandbox/linux/call_verdict.h"
#include "sandbox/linux/path_call.h"
#include "sandbox/linux/path_surroundings.h"

namespace mayfly::sandbox {

// What the mounts of Tier::kFull make of `call`, which `thread` waits with.
CallVerdict tree_verdict(const PathSurroundings& around, const PathCall& call, pid_t thread);

}  // namespace mayfly::sandbox
