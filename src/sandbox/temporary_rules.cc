#include "sandbox/network_rules.h"
#include "sandbox/path_access.h"
// Until the real ones are merged.
namespace mayfly::sandbox {
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
}  // namespace mayfly::sandbox
