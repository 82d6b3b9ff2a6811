#include <set>
#include <string_view>

#include "base/text.h"
#include "sandbox/narrowing_parts.h"

namespace mayfly::sandbox::narrowing {
namespace {

// The calls of a rule; a group that the tables do not know stands for itself.
std::vector<std::string> calls_of(const SyscallRule& rule) {
  if (rule.group.empty()) return {rule.call};
  std::vector<std::string> calls = calls_of_group(rule.group);
  if (calls.empty()) calls.push_back("@" + rule.group);
  return calls;
}

// Whether `wide` says yes to every call of this name to which `narrow` does: it has no condition
// that `narrow` has not. Conditions are compared as they are, not for what they come to.
bool matches_call(const SyscallRule& wide, const SyscallRule& narrow, const std::string& call) {
  if (!has(calls_of(wide), call)) return false;
  return std::all_of(wide.when.begin(), wide.when.end(),
                     [&narrow](const ArgumentCondition& each) { return has(narrow.when, each); });
}

// Whether each call of `narrow` is matched by one of `wide`.
bool is_covered(const SyscallRule& narrow, const std::vector<const SyscallRule*>& wide) {
  const std::vector<std::string> calls = calls_of(narrow);
  return std::all_of(calls.begin(), calls.end(), [&](const std::string& call) {
    return std::any_of(wide.begin(), wide.end(),
                       [&](const SyscallRule* rule) { return matches_call(*rule, narrow, call); });
  });
}

std::vector<const SyscallRule*> pointers(const std::vector<SyscallRule>& rules) {
  std::vector<const SyscallRule*> out;
  for (const SyscallRule& rule : rules) out.push_back(&rule);
  return out;
}

// The words of a pattern; an empty one stands for any.
bool covers_word(std::string_view wide, std::string_view narrow) {
  if (wide.empty() || wide == narrow) return true;
  return wide.ends_with('*') && narrow.starts_with(wide.substr(0, wide.size() - 1));
}

}  // namespace

void compare_network(const NetworkPolicy& inner, const NetworkPolicy& outer, Findings& found) {
  if (inner.mode > outer.mode) {
    found.add("network.mode",
              std::string("is ") + to_string(inner.mode) + ", more than " + to_string(outer.mode));
  }
  // Loopback is there whatever the mode is.
  for (const std::uint16_t port : inner.publish) {
    if (!has(outer.publish, port)) {
      found.add("network.publish " + std::to_string(port), "is not published");
    }
  }
  // Without a network no rule lets anything through, and no name leads anywhere.
  if (inner.mode == NetworkMode::kNone) return;
  for (const HostAddress& host : inner.hosts) {
    if (has(outer.hosts, host)) continue;
    found.add("network.hosts " + host.name, "leads to " + host.address + ", where it does not",
              host.at);
  }
  // The host's own network goes through no rules. Where only inner's does, the mode is a finding.
  if (outer.mode == NetworkMode::kHost || inner.mode == NetworkMode::kHost) return;
  for (const HostRule& rule : inner.allow) {
    const bool covered = std::any_of(outer.allow.begin(), outer.allow.end(),
                                     [&rule](const HostRule& wide) { return covers(wide, rule); });
    if (!covered) found.add("network.allow " + rule.text, "is not allowed", rule.at);
  }
  for (const HostRule& rule : outer.deny) {
    const bool kept = std::any_of(inner.deny.begin(), inner.deny.end(),
                                  [&rule](const HostRule& wide) { return covers(wide, rule); });
    if (!kept) found.add("network.deny " + rule.text, "does not hold any more");
  }
}

void compare_syscalls(const SyscallPolicy& inner, const SyscallPolicy& outer, Findings& found) {
  const std::vector<const SyscallRule*> dangerous = pointers(outer.danger_allow);
  std::vector<const SyscallRule*> allowed = pointers(outer.allow);
  allowed.insert(allowed.end(), dangerous.begin(), dangerous.end());
  for (const SyscallRule& rule : inner.allow) {
    if (!is_covered(rule, allowed)) {
      found.add("syscalls.allow " + rule.text, "is not allowed", rule.at);
    }
  }
  for (const SyscallRule& rule : inner.danger_allow) {
    if (!is_covered(rule, dangerous)) {
      found.add("syscalls.danger_allow " + rule.text, "is not allowed", rule.at);
    }
  }
  const std::vector<const SyscallRule*> denied = pointers(inner.deny);
  for (const SyscallRule& rule : outer.deny) {
    if (!is_covered(rule, denied)) {
      found.add("syscalls.deny " + rule.text, "does not hold any more");
    }
  }
}

void compare_observation(const Observation& inner, const Observation& outer, Findings& found) {
  if (inner.level < outer.level) {
    found.add("observe.level", std::string("is ") + to_string(inner.level) + ", less than " +
                                   to_string(outer.level));
  }
  for (const IgnorePattern& each : inner.ignore) {
    const bool covered =
        std::any_of(outer.ignore.begin(), outer.ignore.end(), [&each](const IgnorePattern& wide) {
          return covers_word(wide.kind, each.kind) && covers_word(wide.operation, each.operation) &&
                 covers_word(wide.target, each.target);
        });
    if (covered) continue;
    std::string what = "observe.ignore " + each.kind;
    if (!each.operation.empty()) what += " " + each.operation;
    if (!each.target.empty()) what += " " + each.target;
    found.add(std::move(what), "is told", each.at);
  }
}

}  // namespace mayfly::sandbox::narrowing
