// Rules about hosts, and what somebody wants to reach.

#include "sandbox/network_rules.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mayfly::sandbox;
  using mayfly::fuzz::require;
  const std::string_view text = mayfly::fuzz::text_of(data, size);
  if (const auto rule = parse_host_rule(text)) {
    require(rule->text == text, "a rule keeps its text", text);
    require(rule->low_port <= rule->high_port, "ports are a range", text);
    require(parse_host_rule(rule->text) == *rule, "a rule is read the same way twice", text);
  }
  if (const auto destination = parse_destination(text)) {
    require(!destination->name.empty() || destination->range, "a destination is somewhere", text);
  }
  return 0;
}
