#pragma once

#include <string>

#include "base/result.h"
#include "sandbox/linux/cgroup.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox {

// Who holds a limit of a call.
enum class Enforcer { kNobody, kCgroup, kRlimit, kWatch };

// Which part of the system enforces which limit, on this host.
struct Enforcement {
  CgroupVersion cgroup = CgroupVersion::kNone;
  Enforcer memory = Enforcer::kWatch;
  Enforcer cpu_time = Enforcer::kNobody;
  Enforcer cpu_share = Enforcer::kNobody;
  Enforcer processes = Enforcer::kRlimit;
  Enforcer io = Enforcer::kNobody;

  bool operator==(const Enforcement&) const = default;
};

// For receipts: "cgroup v2", "rlimit", "watch at 10 Hz"; empty for kNobody.
std::string to_string(Enforcer enforcer, CgroupVersion version);

// How `limits` are held under what `policy` accepts. E2002 for one that nothing here can hold, with
// the remedy.
Result<Enforcement> choose_enforcement(const Policy& policy, const Limits& limits,
                                       const CgroupAbilities& cgroups);

// `limits` for the control groups of one call under `policy`.
// `kLaunching`: on v1 the helper that clones init is in the group too, until it has.
enum class Moment { kLaunching, kRunning };
CgroupLimits cgroup_limits(const Policy& policy, const Limits& limits, CgroupVersion version,
                           Moment moment);

}  // namespace mayfly::sandbox
