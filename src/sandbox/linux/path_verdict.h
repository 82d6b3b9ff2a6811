#pragma once

#include <linux/seccomp.h>

#include <optional>

#include "sandbox/linux/asking_thread.h"
#include "sandbox/linux/call_verdict.h"
#include "sandbox/linux/listener.h"
#include "sandbox/linux/outside_verdict.h"
#include "sandbox/linux/path_surroundings.h"

namespace mayfly::sandbox {

// Whether the sandbox denies an observed call about a path. Never blocks.
//
// It says what the kernel is about to say, and only if it is sure: what is read-only is so for all
// of a call, so that such a denial can be told from the mount that a path leads to, in the order in
// which the kernel itself looks (fs/namei.c, fs/open.c). Ordinary modes and owners are nobody's
// violation, and neither is what could not be done anyway.
class PathVerdicts {
 public:
  explicit PathVerdicts(PathSurroundings surroundings);
  CallVerdict look(const Listener& listener, const seccomp_notif& request);
  // What to tell of a change of mode or times that was refused in Tier::kLandlock, where init makes
  // those itself (file_attributes.h). Nothing if there is no path to tell.
  std::optional<Finding> refused_change(const Listener& listener,
                                        const seccomp_notif& request) const;

 private:
  PathSurroundings surroundings_;
  HostRules host_rules_;
  HeldThread held_;
};

}  // namespace mayfly::sandbox
