#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/linux/call_verdict.h"
#include "sandbox/linux/landlock.h"
#include "sandbox/linux/listener.h"
#include "sandbox/observation.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// Where the paths of a sandbox lead, for verdicts about them. Init sees the program's own tree: no
// program can change its root or its mounts.
struct PathSurroundings {
  Tier tier = Tier::kFull;
  ObserveLevel level = ObserveLevel::kWrites;
  // Numbers (st_dev) of the file systems that the sandbox made for itself and that begin empty: its
  // root, the home, /tmp, what hides a directory.
  std::vector<std::uint64_t> own_devices;
  std::vector<LandlockRule> landlock;  // of Tier::kLandlock: host paths
};

// Whether the sandbox denies an observed call about a path. Never blocks.
class PathVerdicts {
 public:
  explicit PathVerdicts(PathSurroundings surroundings) : surroundings_(std::move(surroundings)) {}
  CallVerdict look(const Listener& listener, const seccomp_notif& request) const;

 private:
  PathSurroundings surroundings_;
};

}  // namespace mayfly::sandbox
