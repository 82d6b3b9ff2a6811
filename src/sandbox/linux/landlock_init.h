#pragma once

#include "sandbox/linux/init.h"

namespace mayfly::sandbox {

// Init where the host allows no namespaces (Tier::kLandlock): an ordinary process of the sandbox's
// user, and a subreaper, so that all of a call stays below it.
//
//   zygote   subreaper too: when init is killed it gets what was below and kills that
//     init   no Landlock, not dumpable. Makes the ruleset by host paths, starts the program,
//     watches
//            memory, CPU time and processes, answers the listener. Ends what is left at the end
//       program and all that it starts: Landlock, seccomp, rlimits
//
// What a pid namespace does in the full tier is done here by looking for descendants, so nothing
// may use kill(-1): that would be every process of the user's. Never returns.
[[noreturn]] void landlock_init_main(const RootPlan& root, InitInputs inputs);

}  // namespace mayfly::sandbox
