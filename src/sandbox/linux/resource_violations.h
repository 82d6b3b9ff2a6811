#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sandbox/limits.h"
#include "sandbox/linux/cgroup.h"
#include "sandbox/linux/ledger.h"
#include "sandbox/linux/usage_watch.h"
#include "sandbox/report.h"

namespace mayfly::sandbox {

// Limits that ended a call or stood in its way, as violations of kind `resource`: operation
// "memory", target "512 MiB of 512 MiB", and in the remedy the key and the option that move it.
//
// Only what somebody counted or saw is said: the supervisor's own end of the call, the kernel's
// counts of the control group, a process that died of SIGXFSZ, a file system without a free block.

// What init saw, for the ledger.
Finding full_directory(const FullDirectory& full);
// A child of init's died of `signal`: SIGXFSZ, or SIGXCPU where there is such a limit. Nothing for
// other signals. Those that a program waits for itself, init does not see.
std::optional<Finding> signal_of_limit(int signal, const Limits& limits);

// The words for one of those findings.
Violation resource_violation(const Finding& finding, const std::string& profile);

// Makes `violation` name the call if it is of a limit that the call lowered itself below `policy`'s.
void blame_call(Violation& violation, const Limits& call, const Limits& policy);

// What the ending and the control group's counts say, in addition to `known`.
std::vector<Violation> resource_violations(const Report& report, const Limits& limits,
                                           const std::optional<CgroupUsage>& group,
                                           const std::vector<Violation>& known);

}  // namespace mayfly::sandbox
