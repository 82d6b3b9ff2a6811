#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"

namespace mayfly::sandbox {

inline constexpr const char* kZygoteName = "mayfly-zygote";
inline constexpr const char* kKeeperName = "mayfly-keeper";

// A process of this program's other trades, as the server holds it.
struct HelperProcess {
  OwnedFd control;  // our end of its only socket
  OwnedFd pidfd;
  pid_t pid = 0;
};

// Execs `program` (a copy of this binary) under `name`: empty environment, fixed argv, /dev/null as
// standard streams, one socket, a session of its own, all signals blocked. helper_main (engine.h)
// takes it from there.
Result<HelperProcess> spawn_helper(const char* name, const OwnedFd& program);

}  // namespace mayfly::sandbox
