#pragma once

#include <vector>

#include "base/result.h"
#include "sandbox/linux/plan.h"
#include "sandbox/observation.h"

namespace mayfly::sandbox {

// Who answers for calls that no row of the tables allows.
enum class Supervision {
  kInit,  // a notification to the supervisor in init
  kNone,  // nobody: EPERM from the kernel, unreported, and no local sockets but pairs
};

// Whose namespaces the program lives in.
enum class Namespaces {
  kOwn,
  kHosts,  // narrowed_calls() hold as well
};

struct FilterOptions {
  Supervision supervision = Supervision::kInit;
  Namespaces namespaces = Namespaces::kOwn;
  // With a supervisor: which allowed calls it is to see all the same (observed_calls.h).
  ObserveLevel observe = ObserveLevel::kOff;
};

// The filters of a policy, compiled, in the order in which they are loaded; the kernel runs all of
// them and takes the severest answer (seccomp(2)).
//
//  1. The tail, by hand, since it compares what libseccomp cannot: ENOSYS for calls younger than
//     the tables, EPERM for the two ioctls that type into a terminal and for calls aimed at init.
//     It holds whatever the policy says, but for young calls of `danger_allow`.
//  2. The gate (syscall_gate.h), what the policy says beyond the tables, and behind it the
//     allowlist, by libseccomp: what syscall_rules.h allows is allowed if the policy has it; what
//     that lists as quiet or absent is answered at once; everything else goes to the listener,
//     whose supervisor answers. So do another architecture's calls (int 0x80, x32; foreign_call.h),
//     which kill where nobody listens.
//
// If the listener's owner is gone, the kernel answers ENOSYS to what would be reported: closed.
//
// E1001 for rules that check_syscalls refuses or that are too many for a filter. E2002 for
// `danger_allow` where namespaces are the host's: there nothing else holds what it lets through.
Result<std::vector<FilterProgram>> compile_filters(const SyscallPolicy& policy,
                                                   const FilterOptions& options = {});

// The filter of tasks (task.h), by the table of task_calls.h: one, and whatever it does not allow
// kills. With the host's namespaces that of TaskWrites::kFiles has a listener, since there init
// does some calls for those who may do them (file_attributes.h).
Result<std::vector<FilterProgram>> compile_task_filters(TaskWrites writes, Namespaces namespaces);

// The highest system call number that the tables were made for.
int newest_known_call();

}  // namespace mayfly::sandbox
