#include "sandbox/capabilities.h"
#include "sandbox/observation.h"
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
std::vector<std::string> calls_of_group(std::string_view group) {
  if (group == "sockets") return {"socket", "connect"};
  return {};
}
}  // namespace mayfly::sandbox
