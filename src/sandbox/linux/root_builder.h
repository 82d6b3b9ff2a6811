#pragma once

#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {

// The zygote's own small mount namespace, made once: a tmpfs that holds
//   /tree        the root that every call gets, complete but for what is private to a call
//   /src/N       sources that init moves to where every call has them anew
//   /blank       what covers are made of
//   /proc        the host's procfs, which the kernel wants to see before it allows a fresh one
//                (mount_too_revealing in fs/namespace.c); init detaches it
// Everything else of the host is detached. Small, because each clone copies it: about 2 us a mount.
inline constexpr const char* kTree = "/tree";
inline constexpr const char* kSources = "/src";

// Makes `source` a detached mount with its final attributes. `mapping` is the user namespace for
// idmapped sources (Linux 5.12), or -1. Runs as whoever may open the path: the zygote when the
// server is an ordinary user, the server itself when it is root.
Result<OwnedFd> detach(const Source& source, int mapping);

// For sys::new_mount: a tmpfs with so much room, and inodes in proportion (the kernel's own default
// lets files without content take half of the machine's memory).
std::vector<std::string> tmpfs_options(std::uint64_t bytes, std::uint32_t mode);

// Builds the namespace out of `mounts`, the detached sources of `plan` in their order. The caller
// is in a mount namespace of its own that still shows the host.
Status build_root(const RootPlan& plan, std::vector<OwnedFd> mounts);

}  // namespace mayfly::sandbox
