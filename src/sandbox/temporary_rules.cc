#include "sandbox/narrowing.h"
#include "sandbox/network_rules.h"
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
std::vector<Widening> widenings(const Policy&, const Policy&) { return {}; }
}  // namespace mayfly::sandbox
