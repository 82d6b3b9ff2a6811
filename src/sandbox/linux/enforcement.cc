#include "sandbox/linux/enforcement.h"

namespace mayfly::sandbox {
namespace {

// What a limit needs of this host, to be said when it is missing.
struct Demand {
  const char* limit;
  const char* value;
  bool asked;
  bool has_cgroup;
  bool accepts_watched;
};

Error cannot(const Policy& policy, const Demand& demand, const CgroupAbilities& cgroups) {
  const std::string watched =
      std::string(demand.limit) == "limits.memory" || std::string(demand.limit) == "limits.cpu_ms"
          ? std::string("; or choose a profile that accepts it watched, such as default")
          : "; or leave this limit out";
  const std::string remedy =
      (cgroups.remedy.empty() ? "Give Mayfly a delegated control group" : cgroups.remedy) +
      watched + ". mayfly doctor says more";
  return input_error(
      ErrorCode::kHostCannotEnforce, demand.limit, demand.value,
      "profile " + policy.profile + " wants the kernel to enforce it, and " +
          (cgroups.why_not.empty() ? "the control groups here cannot" : cgroups.why_not),
      remedy);
}

}  // namespace

std::string to_string(Enforcer enforcer, CgroupVersion version) {
  switch (enforcer) {
    case Enforcer::kNobody:
      return "";
    case Enforcer::kCgroup:
      return to_string(version);
    case Enforcer::kRlimit:
      return "rlimit";
    case Enforcer::kWatch:
      return "watch at 10 Hz";
  }
  return "";
}

Result<Enforcement> choose_enforcement(const Policy& policy, const Limits& limits,
                                       const CgroupAbilities& cgroups) {
  Enforcement chosen;
  chosen.cgroup = cgroups.version;
  const auto hold = [&](Enforcer& who, const Demand& demand) -> Status {
    if (!demand.asked) {
      who = Enforcer::kNobody;
    } else if (demand.has_cgroup) {
      who = Enforcer::kCgroup;
    } else if (demand.accepts_watched) {
      who = Enforcer::kWatch;
    } else {
      return fail(cannot(policy, demand, cgroups));
    }
    return {};
  };
  const std::string memory = std::to_string(limits.memory_bytes);
  const std::string cpu = std::to_string(limits.cpu.count());
  const std::string share = std::to_string(limits.cpu_percent);
  const std::string io = std::to_string(limits.io_bytes_per_second);
  TRY(hold(chosen.memory, {"limits.memory", memory.c_str(), limits.memory_bytes != 0,
                           cgroups.memory, policy.accepts_watched.memory}));
  TRY(hold(chosen.cpu_time, {"limits.cpu_ms", cpu.c_str(), limits.cpu.count() != 0, cgroups.cpu,
                             policy.accepts_watched.cpu_time}));
  TRY(hold(chosen.cpu_share,
           {"limits.cpu_percent", share.c_str(), limits.cpu_percent != 0, cgroups.cpu, false}));
  TRY(hold(chosen.io, {"limits.io_bytes_per_second", io.c_str(), limits.io_bytes_per_second != 0,
                       cgroups.io, false}));
  // Counted by user namespace (Linux 5.14), which is exact; a cgroup also tells of refused forks.
  chosen.processes = cgroups.processes ? Enforcer::kCgroup : Enforcer::kRlimit;
  return chosen;
}

CgroupLimits cgroup_limits(const Policy& policy, const Limits& limits, CgroupVersion version,
                           Moment moment) {
  const bool with_helper = version == CgroupVersion::kV1 && moment == Moment::kLaunching;
  const std::uint64_t ours = with_helper ? 2 : 1;  // init, and the helper
  CgroupLimits out;
  out.memory_bytes = limits.memory_bytes;
  out.processes = limits.processes + ours;
  out.cpu_percent = limits.cpu_percent;
  out.io_bytes_per_second = limits.io_bytes_per_second;
  if (out.io_bytes_per_second != 0) {
    for (const Workspace& workspace : policy.workspaces) {
      if (const auto disk = disk_of(workspace.device)) out.io_devices.push_back(*disk);
    }
  }
  return out;
}

}  // namespace mayfly::sandbox
