#pragma once

#include <cstddef>
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
// bits of the value, "!&" none of them. Values are numbers (decimal, 0x1f, 0o17 or 017), names of
// constants, or these with "|".
//
// A rule is about one call: fork, vfork and clone are three. Of many arguments the kernel looks at
// no more than 32 bits, of some at less, and a program may put anything into the rest. So where it
// is not known how many count, a rule of `deny` holds if it does for either width, and one of
// `allow` or `danger_allow` if it does for both.
struct SyscallRule {
  std::string text;   // as it was written
  std::string group;  // without "@"; empty for a call
  std::string call;
  std::vector<ArgumentCondition> when;
  std::string rule;  // "strict: syscalls.deny"
  settings::Location at{};

  bool operator==(const SyscallRule&) const = default;
};

inline constexpr std::size_t kMaxSyscallRule = 512;        // bytes of a text
inline constexpr std::size_t kMaxArgumentConditions = 12;  // of one rule
inline constexpr std::size_t kMaxSyscallRules = 1024;      // of one list

// E1001, with the nearest name, for a group, call or constant that is not known. Calls are known by
// name on every architecture, whether or not this one has them. Where the platform has no table of
// calls (syscall_names.h), every well-formed name is taken.
Result<SyscallRule> parse_syscall_rule(std::string_view text);

// `deny` wins. `allow` names groups and calls of the built-in tables, which say under which
// arguments each is safe; what it adds are further conditions. Rules of `allow` about one call are
// alternatives: one without conditions, or its group, allows it whatever the others say.
// `danger_allow` goes past the tables. Whatever is not allowed is EPERM, and reported.
struct SyscallPolicy {
  std::vector<SyscallRule> allow;
  std::vector<SyscallRule> deny;
  std::vector<SyscallRule> danger_allow;

  bool operator==(const SyscallPolicy&) const = default;
};

// Without these no program could be started in a sandbox, or end. They are always allowed: a rule
// of `deny` that names one is refused, and one that names their group leaves them.
const std::vector<std::string>& essential_calls();
bool is_essential(std::string_view call);

// Whether a rule makes sense in its list. E1001 for one that denies what is essential, that allows
// what the tables do not have, or that puts conditions on what is always allowed.
enum class SyscallList { kAllow, kDeny, kDangerAllow };
Status check_syscall_rule(SyscallList list, const SyscallRule& rule);
// The same for all rules, and that there are not too many; the error says where the rule stands.
Status check_syscalls(const SyscallPolicy& policy);

// All groups of the built-in tables: what `default` allows.
std::vector<std::string> syscall_groups();
std::vector<std::string> calls_of_group(std::string_view group);
// Whether the tables have the call at all, under whatever conditions.
bool is_in_tables(std::string_view call);

// The rules of `deny`, then those of `allow`, numbered from 1. Null for what is none of them.
const SyscallRule* numbered_rule(const SyscallPolicy& policy, std::uint16_t number);

// The rules that speak of a call. `flat` ones have no conditions; of those the first.
struct SyscallRulesOf {
  struct Side {
    const SyscallRule* flat = nullptr;
    std::vector<const SyscallRule*> conditional;

    bool none() const { return flat == nullptr && conditional.empty(); }
  };
  Side allow;
  Side deny;
  Side danger_allow;
};
SyscallRulesOf rules_about(const SyscallPolicy& policy, std::string_view call);

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
