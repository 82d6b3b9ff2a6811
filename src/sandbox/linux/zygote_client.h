#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/engine.h"
#include "sandbox/linux/plan.h"
#include "sandbox/linux/zygote.h"

namespace mayfly::sandbox {

// A zygote process as the server holds it. Closing `control` ends it, and with it all its
// sandboxes.
struct ZygoteProcess : Prestart {
  OwnedFd control;
  OwnedFd pidfd;
  pid_t pid = 0;
};

// Execs a copy of this binary as a zygote (helper_process.h). Cheap; it makes nothing before it is
// configured.
Result<std::unique_ptr<ZygoteProcess>> spawn_zygote();

// Sends the root plan and, if this server is root, the sources as detached mounts. The answer,
// kReady or kFailed, comes over `control`.
Status configure_zygote(const ZygoteProcess& zygote, const RootPlan& plan);

// Asks for a process that waits to clone the init of one call (cgroup v1). The answer is kParked
// with its pid, or kFailed with `helper`.
Status park(const ZygoteProcess& zygote, std::uint64_t helper);

// Descriptors for one launch, in the order of the message. The zygote keeps none of them.
struct LaunchFds {
  OwnedFd call_plan;
  OwnedFd standard[3];
  OwnedFd channel;
  OwnedFd ledger;
  OwnedFd notebook;  // only if the call has one
};
// Who clones init, and into which group: `helper` if it is not 0, else the zygote itself, into
// `cgroup` if that is a directory of cgroup v2 (CLONE_INTO_CGROUP, Linux 5.7).
struct Birth {
  std::uint64_t helper = 0;
  int cgroup = -1;
};
Status launch(const ZygoteProcess& zygote, std::uint64_t call, const LaunchFds& fds, Birth birth);

// Tells a zygote to end, and all its sandboxes with it, and waits until it did; but not for ever: a
// process that sits in the kernel and does not die keeps its zygote waiting for `kEndPatience`.
inline constexpr milliseconds kEndPatience{3000};
void end_zygote(const ZygoteProcess& zygote);

}  // namespace mayfly::sandbox
