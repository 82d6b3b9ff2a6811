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
};

// Execs this binary as a zygote: empty environment, fixed argv, /dev/null as standard streams, one
// socket, a session of its own, all signals blocked. Cheap; it makes nothing before it is
// configured.
Result<std::unique_ptr<ZygoteProcess>> spawn_zygote();

// Sends the root plan and, if this server is root, the sources as detached mounts. The answer,
// kReady or kFailed, comes over `control`.
Status configure_zygote(const ZygoteProcess& zygote, const RootPlan& plan);

// Descriptors for one launch, in the order of the message. The zygote keeps none of them.
struct LaunchFds {
  OwnedFd call_plan;
  OwnedFd standard[3];
  OwnedFd channel;
  OwnedFd ledger;
};
Status launch(const ZygoteProcess& zygote, std::uint64_t call, const LaunchFds& fds);

// Waits for a zygote whose control socket is closed to be gone.
void reap_zygote(const ZygoteProcess& zygote);

}  // namespace mayfly::sandbox
