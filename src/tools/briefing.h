#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sandbox/policy.h"

namespace mayfly::tools {

// What the model is told before its first call about the policy in force. The limits and workspaces
// are those of the first profile.
struct Briefing {
  std::vector<std::string> profiles{"default"};
  std::vector<std::string> workspaces;
  bool workspace_writable = true;  // under any of the profiles
  bool network = false;
  std::vector<std::uint16_t> published;  // ports of jobs that later calls reach
  sandbox::Limits limits;
  milliseconds max_wait{45'000};
};

// Of the policies of all offered profiles, the first profile's first. At least one.
Briefing make_briefing(const std::vector<sandbox::Policy>& policies, milliseconds max_wait);

// The server's `instructions`: at most 2 KiB, where clients cut.
std::string instructions(const Briefing& briefing);

// "10 min", "45 s", "1500 ms".
std::string human_time(milliseconds time);

}  // namespace mayfly::tools
