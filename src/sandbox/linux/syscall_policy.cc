#include "sandbox/syscall_policy.h"

#include <algorithm>

#include "sandbox/linux/syscall_rules.h"

namespace mayfly::sandbox {

std::vector<std::string> syscall_groups() {
  std::vector<std::string> names;
  for (const SyscallGroup& group : allowed_groups()) names.emplace_back(group.name);
  return names;
}

bool allows_tracing(const SyscallPolicy& policy) {
  return std::any_of(policy.allow.begin(), policy.allow.end(),
                     [](const SyscallRule& rule) { return rule.group == kTracingGroup; });
}

}  // namespace mayfly::sandbox
