#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/cgroup.h"
#include "sandbox/linux/probes/attempt.h"

// The one place where probing meets control groups: `open_cgroups` has tried already.
namespace mayfly::sandbox::probes {
namespace {

constexpr std::uint64_t kLimit = 16ULL << 20;
constexpr const char* kBootWithV2 =
    "Use cgroup v2: systemd.unified_cgroup_hierarchy=1 on the kernel's command line";

// Writes to more memory than the group may have. Waits until it is in the group.
int take_memory(int start) {
  char byte = 0;
  if (::read(start, &byte, 1) != 1) return 1;
  constexpr std::size_t kBytes = 4 * kLimit;
  void* memory =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  auto* bytes = static_cast<volatile char*>(memory);
  for (std::size_t i = 0; i < kBytes; i += 4096) bytes[i] = 1;
  return 0;
}

// Born in its group on v2; moved there on v1.
Result<pid_t> start_in(CallCgroup& group, const sys::Pipe& start) {
  clone_args args{};
  args.exit_signal = SIGCHLD;
  if (group.directory() >= 0) {
    args.flags = CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(group.directory());
  }
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return fail(system_error("clone3 CLONE_INTO_CGROUP", errno));
  if (pid == 0) {
    // The end of file is how it learns that its parent died.
    ::close(start.write.get());
    ::_exit(take_memory(start.read.get()));
  }
  return static_cast<pid_t>(pid);
}

Result<std::string> run_out_of_memory(Cgroups& cgroups) {
  const auto group = TRY(cgroups.make(::geteuid(), ::getegid()));
  CgroupLimits limits;
  limits.memory_bytes = kLimit;
  TRY(group->set_limits(limits));
  const sys::Pipe start = TRY(sys::pipe());
  const pid_t pid = TRY(start_in(*group, start));
  Status ready;
  if (group->directory() < 0) ready = group->attach(pid);
  if (ready) ready = sys::write_all(start.write.get(), "x");
  if (!ready) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  TRY(std::move(ready));
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
    return fail(system_error("64 MiB fitted into a group of 16 MiB", ERANGE));
  }
  const std::uint64_t kills = group->usage().memory_kills;
  if (kills == 0) return fail(system_error("the kernel did not count the kill", ENODATA));
  return "a process that took more than its group's 16 MiB was killed, and counted";
}

Probe row(const CgroupAbilities& able, const char* id, const char* name, bool works,
          const char* needed) {
  Probe probe;
  probe.id = id;
  probe.name = name;
  probe.state = works ? Probe::State::kWorks : Probe::State::kMissing;
  probe.needed = needed;
  if (works) {
    probe.by = to_string(able.version);
    probe.detail = "set in a group of " + probe.by;
    return probe;
  }
  probe.detail = able.why_not.empty() ? "no such controller here" : able.why_not;
  probe.remedy = cgroup_remedy(able.remedy);
  return probe;
}

Probe pressure(const CgroupAbilities& able) {
  Probe probe = row(able, "cgroup_pressure", "pressure", able.pressure, "pressure in the receipt");
  if (able.pressure || able.version == CgroupVersion::kNone) return probe;
  const bool v2 = able.version == CgroupVersion::kV2;
  probe.detail = v2 ? "this kernel keeps no pressure figures" : "only cgroup v2 has it";
  probe.remedy = v2 ? "Use a kernel with CONFIG_PSI, and psi=1 on its command line"
                    : cgroup_remedy(kBootWithV2);
  return probe;
}

// Our own group is gone when this is read.
std::string kept_directory(const std::string& where) {
  const std::size_t slash = where.rfind('/');
  const bool own = slash != std::string::npos && where.find("/mayfly-", slash) == slash;
  return own ? where.substr(0, slash) : where;
}

Probe out_of_memory(Cgroups& cgroups) {
  Probe probe;
  probe.id = "cgroup_memory_kill";
  probe.name = "kill when memory runs out";
  probe.needed = "out of memory told from a kill";
  if (!cgroups.abilities().memory) {
    probe.detail = "not tried: it needs memory limits";
    return probe;
  }
  const auto killed = run_out_of_memory(cgroups);
  probe.state = killed ? Probe::State::kWorks : Probe::State::kMissing;
  probe.detail = killed ? *killed : killed.error().message;
  if (!killed) probe.remedy = cgroup_remedy(kBootWithV2);
  return probe;
}

}  // namespace

std::vector<Probe> cgroup_probes() { return cgroup_probes(*open_cgroups()); }

std::vector<Probe> cgroup_probes(Cgroups& cgroups) {
  const CgroupAbilities& able = cgroups.abilities();
  Probe groups = row(able, "cgroups", "control groups", able.version != CgroupVersion::kNone,
                     "limits enforced by the kernel");
  if (able.version != CgroupVersion::kNone) {
    groups.detail = std::string(to_string(able.version)) + ": groups are made below " +
                    text::one_line(kept_directory(able.where));
  }
  return {std::move(groups),
          row(able, "cgroup_memory", "memory limit", able.memory,
              "memory enforced by the kernel (else it is watched)"),
          out_of_memory(cgroups),
          row(able, "cgroup_processes", "process limit", able.processes,
              "refused forks in the receipt"),
          row(able, "cgroup_cpu", "CPU limit", able.cpu,
              "CPU share; CPU time by the kernel (else it is watched)"),
          row(able, "cgroup_io", "I/O limit", able.io, "I/O bandwidth"),
          pressure(able)};
}

}  // namespace mayfly::sandbox::probes
