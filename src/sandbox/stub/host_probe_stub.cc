#include "sandbox/host_probe.h"

namespace mayfly::sandbox {

std::vector<Probe> probe_host() {
  Probe probe;
  probe.id = "platform";
  probe.name = "a sandbox on this platform";
  probe.state = Probe::State::kMissing;
  probe.detail = "Mayfly knows none";
  probe.needed = "every sandbox";
  probe.remedy = "Run Mayfly on Linux: in WSL 2 on Windows, on a machine reached by ssh elsewhere";
  probe.tiers = {Tier::kFull, Tier::kLandlock};
  return {probe};
}

}  // namespace mayfly::sandbox
