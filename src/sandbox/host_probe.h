#pragma once

#include <string>
#include <vector>

namespace mayfly::sandbox {

// One thing that a host may be able to do for a sandbox. Found by doing it, never by reading a
// version or a setting.
struct Probe {
  enum class State { kWorks, kMissing, kUnknown };
  std::string name;  // "user namespaces"
  State state = State::kUnknown;
  std::string detail;  // what was done and what the kernel answered
  std::string needed;  // for what: "tier full"
  std::string remedy;  // for kMissing: the sysctl, the AppArmor profile, the systemd unit
};

// All probes, in the order in which people look for them. Takes some tens of milliseconds; starts
// short-lived processes; leaves nothing. `state_root` as in EngineOptions.
std::vector<Probe> probe_host(const std::string& state_root);

}  // namespace mayfly::sandbox
