#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/linux/covers.h"
#include "sandbox/linux/landlock.h"
#include "sandbox/linux/ledger.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {

// A path inside that a mount keeps as it is, and with it all directories between it and `top`.
struct KeptPath {
  std::string top;
  std::string path;
  BrokenRule rule = BrokenRule::kProtected;
};

// Where the paths of a sandbox lead, for verdicts about them. Init sees the program's own tree: no
// program can change its root or its mounts.
struct PathSurroundings {
  Tier tier = Tier::kFull;
  ObserveLevel level = ObserveLevel::kWrites;
  // Of Tier::kFull. Numbers (st_dev) of the file systems that the sandbox made for itself and that
  // begin empty: its root, the home, /tmp, what hides a directory. What is missing there may be
  // somewhere else…
  std::vector<std::uint64_t> own_devices;
  // …and those of them that hide a directory of which parts show again.
  std::vector<std::uint64_t> hiding_devices;
  Blanks blanks;
  // What programs of the host run, which is read-only, and what is denied or hidden.
  std::vector<KeptPath> kept;
  bool may_change_root = false;  // chroot(2): then paths of a program may begin somewhere else
  // Of Tier::kLandlock: host paths.
  std::vector<LandlockRule> landlock;
};

// Of Tier::kFull, once init is in the finished tree. `devices`: of the call's temporary
// directories; `blanks`: as they were found before the tree became the root.
PathSurroundings surroundings_in_tree(const RootPlan& root, std::vector<std::uint64_t> devices,
                                      const Blanks& blanks);

}  // namespace mayfly::sandbox
