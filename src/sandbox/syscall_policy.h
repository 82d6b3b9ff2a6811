#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "settings/location.h"

// Which system calls a policy lets a program make, as data.
namespace mayfly::sandbox {

// One comparison of an argument, 64 bits, unsigned.
struct ArgumentCondition {
  enum class Compare { kEqual, kNotEqual, kAllBits, kNoBits };
  unsigned argument = 0;  // from 0
  Compare compare = Compare::kEqual;
  std::uint64_t value = 0;

  bool operator==(const ArgumentCondition&) const = default;
};

// "@sockets" (a group), "ptrace" (a call), "socket(arg0 == AF_INET)", "clone(arg0 & CLONE_NEWNET)",
// "mmap(arg2 !& PROT_EXEC)", several conditions with "," between: all must hold. "&" means all
// bits of the value, "!&" none of them. Values are numbers, names of constants, or these with "|".
struct SyscallRule {
  std::string text;   // as it was written
  std::string group;  // without "@"; empty for a call
  std::string call;
  std::vector<ArgumentCondition> when;
  std::string rule;  // "strict: syscalls.deny"
  settings::Location at{};

  bool operator==(const SyscallRule&) const = default;
};

// E1001, with the nearest name, for a group, call or constant that is not known. Calls are known by
// name on every architecture, whether or not this one has them.
Result<SyscallRule> parse_syscall_rule(std::string_view text);

// `deny` wins. `allow` names groups and calls of the built-in tables, which say under which
// arguments each is safe; what it adds are further conditions. `danger_allow` goes past the
// tables. Whatever is not allowed is EPERM, and reported.
struct SyscallPolicy {
  std::vector<SyscallRule> allow;
  std::vector<SyscallRule> deny;
  std::vector<SyscallRule> danger_allow;

  bool operator==(const SyscallPolicy&) const = default;
};

// All groups of the built-in tables: what `default` allows.
std::vector<std::string> syscall_groups();
std::vector<std::string> calls_of_group(std::string_view group);
// Whether the tables have the call at all, under whatever conditions.
bool is_in_tables(std::string_view call);

// What happens to a call, apart from its arguments where `when` of a rule or the tables' own
// conditions look at them.
enum class SyscallVerdict { kAllowed, kSometimes, kDenied };
struct SyscallDecision {
  SyscallVerdict verdict = SyscallVerdict::kDenied;
  const SyscallRule* rule = nullptr;  // the deciding one; null: no rule names it
};
SyscallDecision decide(const SyscallPolicy& policy, std::string_view call);

// Whether programs may trace their own descendants.
bool allows_tracing(const SyscallPolicy& policy);

}  // namespace mayfly::sandbox
