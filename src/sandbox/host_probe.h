#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// One thing that a host may be able to do for a sandbox. Found by doing it, never by reading a
// version or a setting.
struct Probe {
  // kUnknown: it could not be tried. kFact: neither good nor bad, but good to know.
  enum class State { kWorks, kMissing, kUnknown, kFact };
  std::string id;    // stable, for programs: "user_namespaces"
  std::string name;  // "user namespaces"
  State state = State::kUnknown;
  std::string detail;       // what was done and what the kernel answered
  std::string needed;       // for what: "tier full"
  std::string remedy;       // for kMissing: the sysctl, the AppArmor profile, the systemd unit
  std::string by;           // of a limit's row that works: who enforces it, "cgroup v2"
  std::vector<Tier> tiers;  // those that cannot be made without it
};
const char* to_string(Probe::State state);  // "works", "missing", "unknown", "fact"

// All probes, in the order in which people look for them. Takes some tens of milliseconds; starts
// short-lived processes; leaves nothing. Any thread may call it.
std::vector<Probe> probe_host();

// What a table comes to: a pure function of it.
struct Verdict {
  std::optional<Tier> tier;  // the strongest that can be made; absent: nothing can run
  // Why not a stronger one: the rows that it lacks. Empty for kFull.
  std::vector<Probe> in_the_way;
  // Who holds each limit in that tier: "cgroup v1", "cgroup v2", "rlimit", "watched" (ten times a
  // second, if the profile accepts it); "none" for what cannot be limited here.
  std::string memory = "none";
  std::string processes = "none";
  std::string cpu_time = "none";
  std::string cpu_share = "none";
  std::string disk = "none";
  std::string io = "none";
  std::string limits;  // the same for people: "memory by cgroup v2, CPU share not limited, …"
};
Verdict judge(const std::vector<Probe>& table);

// Whether `profile` can run on a host with such a table: E2002 names the rule, what the kernel
// answered, and the remedy.
Status check_host(const std::vector<Probe>& table, const Profile& profile);

// Makes E2002 of `error`: its remedy, and where to learn more.
Error cannot_enforce(Error error, std::string remedy);

}  // namespace mayfly::sandbox
