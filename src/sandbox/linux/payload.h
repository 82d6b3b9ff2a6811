#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/linux/listener.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {

struct InitInputs;
struct Ruleset;

struct StartedProgram {
  pid_t pid = 0;
  Listener listener;  // of its filters' notifications, if one of them has any
};

// Where the child has its socket to init while it is set up; one further with a notebook.
inline constexpr int kMessengerFd = 3;

// Starts the program or the task of `call` as a child of init: in a user namespace of its own that
// owns nothing, with no capabilities but those that `root` keeps for programs, under `ruleset` and
// the filters of `root` that are for it, with only its three standard streams, which a terminal may
// be, and a program its notebook. Returns when the program runs, or when the task has everything in
// force and open, or has ended.
Result<StartedProgram> start_payload(const RootPlan& root, const CallPlan& call,
                                     const InitInputs& inputs, const Ruleset& ruleset);

}  // namespace mayfly::sandbox
