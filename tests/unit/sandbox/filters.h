#pragma once

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <vector>

#include "bpf_emulator.h"
#include "sandbox/linux/seccomp_filter.h"
#include "sandbox/syscall_policy.h"

// Compiled filters, run on made-up system calls.
namespace mayfly::sandbox::test {

inline constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
inline constexpr std::uint32_t kReport = SECCOMP_RET_USER_NOTIF;
inline constexpr std::uint32_t kAbsent = SECCOMP_RET_ERRNO | ENOSYS;
inline constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;
inline constexpr std::uint32_t kKill = SECCOMP_RET_KILL_PROCESS;

// The kernel's order of severity: the lowest action as a signed number wins; among equals, the
// filter that was loaded last.
inline std::uint32_t answer_of(const std::vector<FilterProgram>& filters, long number,
                               std::array<std::uint64_t, 6> arguments = {},
                               std::uint32_t arch = AUDIT_ARCH_X86_64) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = arch;
  std::copy(arguments.begin(), arguments.end(), std::begin(data.args));
  std::uint32_t strictest = kAllow;
  for (auto filter = filters.rbegin(); filter != filters.rend(); ++filter) {
    const std::uint32_t one = mayfly::test::run_filter(filter->bytes, data);
    const auto action = [](std::uint32_t ret) {
      return static_cast<std::int32_t>(ret & SECCOMP_RET_ACTION_FULL);
    };
    if (action(one) < action(strictest)) strictest = one;
  }
  return strictest;
}

// What `default` says.
inline SyscallPolicy everything() {
  SyscallPolicy policy;
  for (const std::string& group : syscall_groups()) {
    policy.allow.push_back(parse_syscall_rule("@" + group).value());
  }
  return policy;
}

inline std::vector<SyscallRule> rules(std::initializer_list<const char*> texts) {
  std::vector<SyscallRule> out;
  for (const char* text : texts) out.push_back(parse_syscall_rule(text).value());
  return out;
}

}  // namespace mayfly::sandbox::test
