#include "sandbox/linux/requirements.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/host_probe.h"
#include "sandbox/linux/landlock.h"
#include "sandbox/linux/probes/attempt.h"

namespace mayfly::sandbox {
namespace {

struct Lack {
  std::string what;  // empty: it is there
  std::string remedy;
};

Lack lack_of_cgroup(const CgroupAbilities& cgroups) {
  if (cgroups.memory && cgroups.processes && cgroups.cpu) return {};
  return {cgroups.why_not.empty() ? "the control groups here cannot limit memory, processes and CPU"
                                  : cgroups.why_not,
          cgroups.remedy.empty() ? "Give Mayfly a delegated control group" : cgroups.remedy};
}

Lack lack_of_cgroup_v2(const CgroupAbilities& cgroups) {
  if (cgroups.version == CgroupVersion::kV2) return lack_of_cgroup(cgroups);
  return {std::string("control groups here: ") + to_string(cgroups.version),
          probes::cgroup_remedy("Use cgroup v2: systemd.unified_cgroup_hierarchy=1 on the kernel's "
                                "command line")};
}

Lack find_lack_of_landlock() {
  const int abi = probe_landlock();
  if (abi >= kLeastLandlockAbi) return {};
  probes::Outcome outcome;
  outcome.os_errno = errno;
  const std::string what =
      abi == 0 ? "this kernel has no Landlock" : "this kernel's Landlock is too old to be of use";
  return {what, abi == 0 ? probes::landlock_remedy(outcome) : "Use Linux 5.19 or later"};
}

Lack find_lack_of_supervisor() {
  seccomp_notif_sizes sizes{};
  if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0) return {};
  probes::Outcome outcome;
  outcome.os_errno = errno;
  return {"this kernel reports no refused system calls",
          probes::needs_linux("5.0", "CONFIG_SECCOMP_FILTER")(outcome)};
}

Lack lack_of(Requirement requirement, const CgroupAbilities& cgroups) {
  static const Lack landlock = find_lack_of_landlock();
  static const Lack supervisor = find_lack_of_supervisor();
  switch (requirement) {
    case Requirement::kCgroup:
      return lack_of_cgroup(cgroups);
    case Requirement::kCgroupV2:
      return lack_of_cgroup_v2(cgroups);
    case Requirement::kLandlock:
      return landlock;
    case Requirement::kSupervisor:
      return supervisor;
  }
  return {"it is not known", ""};
}

}  // namespace

Status check_requirements(const Policy& policy, const CgroupAbilities& cgroups) {
  for (const Requirement requirement : policy.requirements) {
    const Lack lack = lack_of(requirement, cgroups);
    if (lack.what.empty()) continue;
    return fail(cannot_enforce(
        input_error(ErrorCode::kHostCannotEnforce, "host.requires", to_string(requirement),
                    "profile " + policy.profile + " insists on it, and " + lack.what, ""),
        lack.remedy));
  }
  return {};
}

}  // namespace mayfly::sandbox
