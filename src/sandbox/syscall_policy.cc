#include "sandbox/syscall_policy.h"

#include <algorithm>

#include "base/text.h"
#include "sandbox/syscall_names.h"

namespace mayfly::sandbox {
namespace {

// `when` is about the rule's own call; groups have none.
void sort_in(const std::vector<SyscallRule>& rules, std::string_view call,
             SyscallRulesOf::Side& side) {
  for (const SyscallRule& rule : rules) {
    const bool speaks = rule.group.empty() ? rule.call == call : is_in_group(rule.group, call);
    if (!speaks) continue;
    if (!rule.when.empty()) {
      side.conditional.push_back(&rule);
    } else if (side.flat == nullptr) {
      side.flat = &rule;
    }
  }
}

Error refuse(const SyscallRule& rule, const std::string& message, const std::string& remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, rule.rule.empty() ? "syscalls" : rule.rule,
                     rule.text, message, remedy);
}

Status check_all(SyscallList list, const std::vector<SyscallRule>& rules) {
  if (rules.size() > kMaxSyscallRules) {
    return fail(refuse(rules.back(), "these are " + std::to_string(rules.size()) + " rules",
                       "Use groups, and at most " + std::to_string(kMaxSyscallRules) + " rules"));
  }
  for (const SyscallRule& rule : rules) {
    auto checked = check_syscall_rule(list, rule);
    if (checked) continue;
    Error error = std::move(checked).error();
    if (rule.at.source != nullptr) error.field = to_string(rule.at) + " " + error.field;
    return fail(std::move(error));
  }
  return {};
}

}  // namespace

const std::vector<std::string>& essential_calls() {
  // What the payload does between its last filter and its program (payload.cc), and what every
  // program ends with. `sendmsg` hands over the filter's listener.
  static const std::vector<std::string> calls = {"close",        "execve",    "exit",
                                                 "exit_group",   "prlimit64", "restart_syscall",
                                                 "rt_sigreturn", "sendmsg"};
  return calls;
}

bool is_essential(std::string_view call) {
  const auto& calls = essential_calls();
  return std::find(calls.begin(), calls.end(), call) != calls.end();
}

Status check_syscall_rule(SyscallList list, const SyscallRule& rule) {
  if (!has_syscall_names()) return {};
  if (!rule.group.empty()) {
    const std::vector<std::string> groups = syscall_groups();
    if (std::find(groups.begin(), groups.end(), rule.group) != groups.end()) return {};
    return fail(refuse(rule, "there is no group @" + rule.group,
                       "Use one of @" + text::join(groups, ", @")));
  }
  if (list == SyscallList::kDeny && is_essential(rule.call)) {
    return fail(refuse(rule, rule.call + " cannot be denied: without it no program starts or ends",
                       "Take this rule out"));
  }
  if (list != SyscallList::kAllow) return {};
  if (!is_in_tables(rule.call)) {
    return fail(refuse(rule, rule.call + " is not among the calls that are safe in a sandbox",
                       "Take this rule out, or accept what it opens with syscalls.danger_allow"));
  }
  if (is_essential(rule.call) && !rule.when.empty()) {
    return fail(refuse(rule, rule.call + " is always allowed, so conditions would change nothing",
                       "Write \"" + rule.call + "\", or take this rule out"));
  }
  return {};
}

Status check_syscalls(const SyscallPolicy& policy) {
  TRY(check_all(SyscallList::kAllow, policy.allow));
  TRY(check_all(SyscallList::kDeny, policy.deny));
  return check_all(SyscallList::kDangerAllow, policy.danger_allow);
}

const SyscallRule* numbered_rule(const SyscallPolicy& policy, std::uint16_t number) {
  if (number == 0) return nullptr;
  std::size_t at = number - 1U;
  if (at < policy.deny.size()) return &policy.deny[at];
  at -= policy.deny.size();
  return at < policy.allow.size() ? &policy.allow[at] : nullptr;
}

SyscallRulesOf rules_about(const SyscallPolicy& policy, std::string_view call) {
  SyscallRulesOf rules;
  if (is_in_tables(call)) sort_in(policy.allow, call, rules.allow);
  if (!is_essential(call)) sort_in(policy.deny, call, rules.deny);
  sort_in(policy.danger_allow, call, rules.danger_allow);
  return rules;
}

SyscallDecision decide(const SyscallPolicy& policy, std::string_view call) {
  using Verdict = SyscallVerdict;
  const SyscallRulesOf rules = rules_about(policy, call);
  if (rules.deny.flat != nullptr) return {Verdict::kDenied, rules.deny.flat};
  const bool essential = is_essential(call);
  if (!essential && rules.allow.none() && rules.danger_allow.none()) {
    const auto& denies = rules.deny.conditional;
    return {Verdict::kDenied, denies.empty() ? nullptr : denies.front()};
  }
  if (!rules.deny.conditional.empty()) {
    return {Verdict::kSometimes, rules.deny.conditional.front()};
  }
  if (rules.danger_allow.flat != nullptr) return {Verdict::kAllowed, rules.danger_allow.flat};
  if (essential || rules.allow.flat != nullptr) {
    const bool whole = !has_conditions_in_tables(call);
    return {whole ? Verdict::kAllowed : Verdict::kSometimes, rules.allow.flat};
  }
  const auto& side = rules.allow.none() ? rules.danger_allow : rules.allow;
  return {Verdict::kSometimes, side.conditional.front()};
}

bool allows_tracing(const SyscallPolicy& policy) {
  return decide(policy, "ptrace").verdict != SyscallVerdict::kDenied;
}

}  // namespace mayfly::sandbox
