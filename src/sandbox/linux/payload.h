#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {

struct InitInputs;
struct Ruleset;

struct StartedProgram {
  pid_t pid = 0;
  OwnedFd listener;  // of its filters' notifications, if one of them has any
};

// Starts the program of `call` as a child of init: in a user namespace of its own that owns
// nothing, with no capabilities but those that `root` keeps, under `ruleset` and the filters of
// `root`, with only its three standard streams, which a terminal may be, and its notebook. Returns
// when the program runs.
Result<StartedProgram> start_payload(const RootPlan& root, const CallPlan& call,
                                     const InitInputs& inputs, const Ruleset& ruleset);

}  // namespace mayfly::sandbox
