// Rules about system calls, and what a receipt leaves out.

#include "sandbox/observation.h"
#include "sandbox/syscall_policy.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mayfly::sandbox;
  using mayfly::fuzz::require;
  const std::string_view text = mayfly::fuzz::text_of(data, size);
  if (const auto rule = parse_syscall_rule(text)) {
    require(rule->text == text, "a rule keeps its text", text);
    require(rule->group.empty() != rule->call.empty(), "a rule is about a group or a call", text);
    require(parse_syscall_rule(rule->text) == *rule, "a rule is read the same way twice", text);
  }
  if (const auto pattern = parse_ignore_pattern(text)) {
    require(!pattern->kind.empty(), "a pattern has a kind", text);
  }
  return 0;
}
