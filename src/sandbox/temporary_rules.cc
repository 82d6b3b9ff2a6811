#include "sandbox/capabilities.h"
#include "sandbox/network_rules.h"
#include "sandbox/observation.h"
#include "sandbox/path_access.h"
#include "sandbox/syscall_policy.h"
// Until the real ones are merged.
namespace mayfly::sandbox {
Status check_capability(const std::string&) { return {}; }
Result<SyscallRule> parse_syscall_rule(std::string_view text) {
  SyscallRule rule;
  rule.text = std::string(text);
  if (text.starts_with('@')) {
    rule.group = std::string(text.substr(1));
  } else {
    rule.call = std::string(text);
  }
  return rule;
}
Result<IgnorePattern> parse_ignore_pattern(std::string_view text) {
  return IgnorePattern{std::string(text), "", "", {}};
}
Result<HostRule> parse_host_rule(std::string_view text) {
  HostRule rule;
  rule.text = std::string(text);
  return rule;
}
Result<Destination> parse_destination(std::string_view text) {
  Destination d;
  d.name = std::string(text);
  return d;
}
NetworkDecision decide(const NetworkPolicy& policy, const Destination& destination) {
  for (const HostRule& rule : policy.deny) {
    if (rule.text.starts_with(destination.name)) return {false, &rule};
  }
  for (const HostRule& rule : policy.allow) {
    if (rule.text.starts_with(destination.name)) return {true, &rule};
  }
  return {};
}
bool covers(const HostRule& outer, const HostRule& inner) { return outer.text == inner.text; }
PathAnswer look_up(const Policy& policy, const std::string& path) {
  PathAnswer out;
  for (const MountRule& mount : policy.mounts) {
    if (!is_within(path, mount.destination)) continue;
    out = {mount.access == Access::kWrite ? Effective::kWrite : Effective::kRead, mount.source,
           mount.rule, mount.at};
  }
  return out;
}
std::vector<std::string> calls_of_group(std::string_view) { return {}; }
SyscallDecision decide(const SyscallPolicy& policy, std::string_view call) {
  for (const SyscallRule& rule : policy.deny) {
    if (rule.call == call) return {SyscallVerdict::kDenied, &rule};
  }
  for (const SyscallRule& rule : policy.allow) {
    if (rule.call == call) return {SyscallVerdict::kAllowed, &rule};
  }
  return {};
}
}  // namespace mayfly::sandbox
