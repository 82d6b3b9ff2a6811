#include "sandbox/linux/running_call.h"

#include <signal.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/sys.h"
#include "sandbox/host_user.h"
#include "sandbox/linux/host_look.h"
#include "sandbox/linux/resource_violations.h"
#include "sandbox/violation_words.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxViolationKinds = 100;
// How long after KILL a call is answered although something of it does not die.
constexpr milliseconds kPatience{2000};
// Less often may be a program that tries again for a while.
constexpr std::uint64_t kFewestRefusals = 100;

// Who may change profiles. Asked for once: the user database may be far away.
const HostUser& server_user() {
  static const HostUser user = host_user(::getuid());
  return user;
}

Violation with_errno(Violation violation, int error) {
  const char* name = error == 0 ? nullptr : ::strerrorname_np(error);
  violation.errno_name = name != nullptr ? name : "";
  return violation;
}

constexpr const char* kNoCapabilities = "no capabilities";
const char* const kLayers[] = {
    "user namespace", "mount namespace",      "pid namespace",    "network namespace",
    "ipc namespace",  "uts namespace",        "cgroup namespace", "pivot_root",
    kNoCapabilities,  "inner user namespace", "no_new_privs",     "seccomp allowlist",
    "rlimits"};

// Where there are no namespaces. Landlock itself is added with its ABI.
const char* const kLandlockLayers[] = {kNoCapabilities, "no_new_privs", "seccomp allowlist",
                                       "rlimits", "memory and process watch at 10 Hz"};

microseconds since_epoch(const struct timeval& time) {
  return std::chrono::seconds(time.tv_sec) + microseconds(time.tv_usec);
}

std::uint64_t count(long value) { return static_cast<std::uint64_t>(std::max(0L, value)); }

std::uint64_t millis(microseconds time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(time).count());
}

}  // namespace

void RunningCall::kill_now() {
  kill_at.reset();
  if (!give_up_at.has_value() && !answered) give_up_at = Clock::now() + kPatience;
  // Before it is launched there is nothing to kill: kLaunched looks at `killed_for` again.
  if (pidfd.valid()) (void)sys::pidfd_send_signal(pidfd.get(), SIGKILL);
}

void RunningCall::end(EndedBy reason, std::optional<milliseconds> grace) {
  if (program_status.has_value()) return;  // it ended by itself; only the pipes are left
  if (!killed_for.has_value()) killed_for = reason;
  terminate_at.reset();
  look_at_cpu.reset();
  look_at_forks.reset();
  if (!grace.has_value()) return kill_now();
  Note terminate;
  terminate.kind = Kind::kTerminate;
  (void)sys::send_message(channel.get(), encode(terminate));
  if (!kill_at.has_value()) kill_at = Clock::now() + *grace;
}

void RunningCall::read_cgroup() {
  if (cgroup == nullptr) return;
  cgroup_usage = cgroup->usage();
  cgroup_cpu = cgroup->cpu_time();
}

void RunningCall::look_at_cpu_time(TimePoint now) {
  constexpr milliseconds kShortest{10};
  static const int cores = std::max(1, get_nprocs());
  const auto used = std::chrono::duration_cast<milliseconds>(cgroup->cpu_time());
  if (used >= limits.cpu) return end(EndedBy::kCpu, std::nullopt);
  look_at_cpu = now + std::max<milliseconds>(kShortest, (limits.cpu - used) / cores);
}

void RunningCall::look_at_cgroup() {
  const CgroupEvents events = cgroup->take_events();
  if (events.out_of_memory) return end(EndedBy::kMemory, std::nullopt);
  // A program that is refused more often than it may have processes does nothing but fork.
  const std::uint64_t patience = std::max(kFewestRefusals, limits.processes);
  if (events.refused_fork && cgroup->usage().refused_forks > patience) {
    end(EndedBy::kPids, std::nullopt);
  }
}

void RunningCall::record(Violation violation) {
  violations_total += violation.count;
  const std::string key = std::to_string(static_cast<int>(violation.kind)) + violation.operation +
                          "\n" + violation.target;
  const auto found = violation_index.find(key);
  if (found != violation_index.end()) {
    violations[found->second].count += violation.count;
    return;
  }
  if (violations.size() >= kMaxViolationKinds) return;
  violation_index[key] = violations.size();
  violations.push_back(std::move(violation));
}

void RunningCall::take_note(const Note& note) {
  switch (note.kind) {
    case Kind::kStarted:
      started = true;
      landlock_abi = std::max(landlock_abi, note.landlock_abi);
      slow_notices = note.slow_notices;
      if (!note.stages.empty()) stages.insert(stages.end(), note.stages.begin(), note.stages.end());
      break;
    case Kind::kFailed:
      stages.insert(stages.end(), note.stages.begin(), note.stages.end());
      if (!failure.has_value()) failure = note.error;
      break;
    case Kind::kExited:
      program_status = note.wait_status;
      left_files_in_tmp = note.left_files_in_tmp;
      break;
    case Kind::kOverMemory:
      if (!killed_for.has_value()) killed_for = EndedBy::kMemory;
      break;
    case Kind::kOverCpu:
      if (!killed_for.has_value()) killed_for = EndedBy::kCpu;
      break;
    case Kind::kOverDisk:
      if (!killed_for.has_value()) killed_for = EndedBy::kDisk;
      break;
    case Kind::kOverProcesses:
      if (!killed_for.has_value()) killed_for = EndedBy::kPids;
      break;
    case Kind::kEnded:
      ended = note;
      break;
    default:
      break;
  }
}

bool RunningCall::never_started() const {
  return failure.has_value() && failure->code == ErrorCode::kCancelled;
}

Violation RunningCall::refused_forks() const {
  Violation violation;
  violation.kind = ViolationKind::kResource;
  violation.operation = "fork";
  violation.target = std::to_string(limits.processes) + " processes";
  violation.rule = policy->profile + ": limits.processes";
  violation.errno_name = "EAGAIN";
  violation.count = cgroup_usage->refused_forks;
  violation.retryable = killed_for != EndedBy::kPids;
  violation.remedy = "Use fewer processes at once, or ask the operator for --pids N";
  return violation;
}

void RunningCall::add_usage(Report& report, const WatchedUsage& watched) const {
  Usage& usage = report.usage;
  const auto missing = [&report](const char* what, std::string why) {
    report.unavailable.push_back({what, std::move(why)});
  };
  if (ended.has_value()) {
    const struct rusage& used = ended->usage;
    constexpr std::uint64_t kBlock = 512;  // getrusage(2): ru_inblock, ru_oublock
    // Of processes that were killed together with init the kernel does not tell what they used.
    usage.user = std::max(since_epoch(used.ru_utime), microseconds(watched.user_us));
    usage.system = std::max(since_epoch(used.ru_stime), microseconds(watched.system_us));
    usage.voluntary_switches = count(used.ru_nvcsw);
    usage.involuntary_switches = count(used.ru_nivcsw);
    usage.minor_faults = count(used.ru_minflt);
    usage.major_faults = count(used.ru_majflt);
    usage.bytes_read = count(used.ru_inblock) * kBlock;
    usage.bytes_written = count(used.ru_oublock) * kBlock;
    usage.disk_bytes = std::max(watched.disk_bytes, *usage.bytes_written);
    // What the kernel calls resident counts files that are only read: it is used for want of
    // better.
    const std::uint64_t resident = count(used.ru_maxrss) << 10;
    usage.peak_memory_bytes = watched.peak_memory_bytes > 0
                                  ? watched.peak_memory_bytes
                                  : std::min(resident, limits.memory_bytes);
  }
  if (watched.peak_processes > 0) usage.peak_processes = watched.peak_processes;
  if (cgroup_usage.has_value()) {
    const CgroupUsage& seen = *cgroup_usage;
    if (seen.user) usage.user = *seen.user;
    if (seen.system) usage.system = *seen.system;
    if (seen.bytes_read) usage.bytes_read = seen.bytes_read;
    // What a group counts has reached the disk; the rest is on its way, and counts as written too.
    if (seen.bytes_written) {
      usage.bytes_written = std::max(usage.bytes_written.value_or(0), *seen.bytes_written);
    }
    if (seen.peak_memory_bytes) usage.peak_memory_bytes = seen.peak_memory_bytes;
    // Init is not the program's, nor is a helper at the very start.
    if (seen.peak_processes)
      usage.peak_processes =
          std::min(std::max<std::uint64_t>(*seen.peak_processes, 2) - 1, limits.processes);
    usage.pressure = seen.pressure;
    // The kernel's sum is exact; on v1 its two parts count ticks.
    usage.system = std::max(usage.system, cgroup_cpu - usage.user);
  }
  if (!usage.peak_processes) missing("peak_processes", "the call ended before the first sample");
  if (!usage.peak_memory_bytes) missing("peak_memory_bytes", "the call was lost before it ended");
  if (!usage.pressure) {
    missing("pressure", enforcement.cgroup == CgroupVersion::kV2
                            ? "this kernel keeps no pressure figures (PSI)"
                            : "only cgroup v2 keeps pressure figures of a call");
  }
  missing("use of open_files, file_bytes, tmp_bytes, shm_bytes",
          "the kernel enforces these limits without telling us");
}

// What the profile asks for and nobody can give.
void RunningCall::add_unavailable(Report& report) const {
  if (slow_notices && policy->observe.level != ObserveLevel::kOff) {
    report.unavailable.push_back(
        {std::string("observe.level = ") + to_string(policy->observe.level) + " at full speed",
         "system calls that are looked at wait longer: this kernel has no synchronous wake-up of "
         "seccomp notifications (Linux 6.6)"});
  }
  const NetworkMode mode = policy->network.mode;
  if (mode == NetworkMode::kNone) return;
  report.unavailable.push_back(
      {std::string("network.mode = ") + to_string(mode),
       std::string(mode == NetworkMode::kProxy ? "this version has no proxy yet"
                                               : "this version gives nobody the host's network") +
           ": nothing outside is reachable"});
}

void RunningCall::add_limits(Report& report) const {
  const auto limit = [&](const char* name, std::uint64_t most, std::optional<std::uint64_t> used,
                         bool reached, std::string enforced_by) {
    report.limits.push_back({name, most, used, reached, std::move(enforced_by)});
  };
  const auto by = [this](Enforcer enforcer) { return to_string(enforcer, enforcement.cgroup); };
  const EndedBy end = report.ended_by;
  const Usage& usage = report.usage;
  limit("wall_ms", millis(limits.wall), millis(usage.wall), end == EndedBy::kTimeout, "supervisor");
  if (limits.cpu.count() != 0) {
    limit("cpu_ms", millis(limits.cpu), millis(usage.user + usage.system), end == EndedBy::kCpu,
          by(enforcement.cpu_time));
  }
  if (limits.cpu_percent != 0) {
    const auto share = static_cast<std::uint64_t>(100 * (usage.user + usage.system).count() /
                                                  std::max<long>(1, usage.wall.count()));
    // It is kept over periods of a tenth of a second, so an average can only come near it.
    limit("cpu_percent", limits.cpu_percent, share, share * 10 >= limits.cpu_percent * 9,
          by(enforcement.cpu_share));
  }
  limit("memory_bytes", limits.memory_bytes, usage.peak_memory_bytes,
        end == EndedBy::kMemory || usage.peak_memory_bytes.value_or(0) > limits.memory_bytes,
        by(enforcement.memory));
  limit("processes", limits.processes, usage.peak_processes,
        cgroup_usage.has_value() ? cgroup_usage->refused_forks > 0
                                 : usage.peak_processes.value_or(0) >= limits.processes,
        tier == Tier::kLandlock && enforcement.processes == Enforcer::kRlimit
            ? "watch at 10 Hz"
            : by(enforcement.processes));
  limit("output_bytes", limits.output_bytes, output_total, end == EndedBy::kOutput, "supervisor");
  const bool over_disk = limits.disk_bytes != 0 && usage.disk_bytes.value_or(0) > limits.disk_bytes;
  limit("disk_bytes", limits.disk_bytes, usage.disk_bytes, over_disk, "watch at 10 Hz");
  limit("file_bytes", limits.file_bytes, std::nullopt, report.signal.value_or(0) == SIGXFSZ,
        "rlimit");
  if (limits.io_bytes_per_second != 0) {
    limit("io_bytes_per_second", limits.io_bytes_per_second, std::nullopt, false,
          by(enforcement.io));
  }
  limit("open_files", limits.open_files, std::nullopt, false, "rlimit");
  if (tier == Tier::kLandlock) return;  // no file system of its own that could be full
  limit("tmp_bytes", limits.tmp_bytes, std::nullopt, false, "tmpfs");
  limit("shm_bytes", limits.shm_bytes, std::nullopt, false, "tmpfs");
}

// In the order of their first time. Kinds that found no place in the ledger are told by the total
// alone, unless nothing is to be told; of absent ones not even that, since nobody knows whether
// they are missed.
void RunningCall::add_findings(Report& report, const LedgerContent& seen) const {
  const bool told = policy->observe.level != ObserveLevel::kOff;
  const bool news =
      said_of_found.size() < seen.findings.size() || said_of_absent.size() < seen.absent.size();
  if (news) {
    HostLooks looks(policy->identity.home, look_budget);
    const ViolationWords words(*policy, server_user(),
                               [&looks](const std::string& path) { return looks.look(path); });
    for (std::size_t i = said_of_found.size(); i < seen.findings.size(); ++i) {
      const Finding& finding = seen.findings[i];
      said_of_found.push_back(finding.kind == ViolationKind::kResource
                                  ? resource_violation(finding, policy->profile)
                                  : with_errno(words.describe(finding), finding.error));
    }
    for (std::size_t i = said_of_absent.size(); i < seen.absent.size(); ++i) {
      const Finding& finding = seen.absent[i];
      said_of_absent.emplace_back();
      if (!told || !words.is_missed(finding)) continue;
      said_of_absent.back() = with_errno(words.describe(finding), ENOENT);
    }
  }
  std::multimap<std::uint32_t, Violation> in_order;
  std::uint64_t listed = 0;
  const auto add = [&](const Finding& finding, Violation violation) {
    violation.count = finding.count;
    listed += finding.count;
    in_order.emplace(finding.order, std::move(violation));
  };
  for (std::size_t i = 0; i < seen.findings.size(); ++i) add(seen.findings[i], said_of_found[i]);
  const std::uint64_t found = listed;
  for (std::size_t i = 0; i < seen.absent.size(); ++i) {
    if (said_of_absent[i]) add(seen.absent[i], *said_of_absent[i]);
  }
  report.violations_total += listed + (told && seen.total > found ? seen.total - found : 0);
  for (auto& [order, violation] : in_order) {
    if (report.violations.size() >= kMaxViolationKinds) break;
    report.violations.push_back(std::move(violation));
  }
}

Report RunningCall::report() const {
  Report report = whole_report();
  leave_out(policy->observe, report);
  return report;
}

Report RunningCall::whole_report() const {
  Report report;
  report.call_id = id;
  report.profile = policy->profile;
  report.tier = to_string(tier);
  report.policy_digest = policy_digest;
  report.out = streams[0];
  report.err = streams[1];
  const LedgerContent seen = ledger.has_value() ? ledger->read() : LedgerContent();
  add_findings(report, seen);
  std::vector<Violation> resources;  // told last
  const auto is_resource = [](const Violation& each) {
    return each.kind == ViolationKind::kResource;
  };
  std::copy_if(report.violations.begin(), report.violations.end(), std::back_inserter(resources),
               is_resource);
  std::erase_if(report.violations, is_resource);
  report.violations.insert(report.violations.end(), violations.begin(), violations.end());
  report.violations_total += violations_total;
  report.left_files_in_tmp = left_files_in_tmp;
  report.lingering = lingering;
  report.usage.setup = stages;
  report.usage.wall = std::chrono::duration_cast<microseconds>(finished - began);

  add_usage(report, seen.usage);
  add_unavailable(report);

  if (never_started()) {
    report.ended_by = EndedBy::kCancelled;
    return report;
  }
  if (failure.has_value() && (!killed_for.has_value() || !started)) {
    report.ended_by = killed_for.value_or(EndedBy::kSetup);
    report.setup_error = failure;
    report.violations.insert(report.violations.end(), resources.begin(), resources.end());
    return report;
  }
  if (tier == Tier::kFull) {
    report.layers.assign(std::begin(kLayers), std::end(kLayers));
    if (!policy->capabilities.empty()) std::erase(report.layers, kNoCapabilities);
  } else {
    report.layers.assign(std::begin(kLandlockLayers), std::end(kLandlockLayers));
  }
  if (landlock_abi > 0) report.layers.push_back("Landlock ABI " + std::to_string(landlock_abi));
  if (cgroup_usage.has_value()) report.layers.emplace_back(to_string(enforcement.cgroup));
  const int status = program_status.value_or(SIGKILL);
  if (WIFEXITED(status)) {
    report.exit_code = WEXITSTATUS(status);
    report.ended_by = EndedBy::kExit;
  } else {
    report.signal = WTERMSIG(status);
    // Anybody can send SIGXCPU; it is the kernel's if the time is up.
    const bool time_is_up =
        limits.cpu.count() != 0 && report.usage.user + report.usage.system >= limits.cpu;
    report.ended_by = *report.signal == SIGSYS                  ? EndedBy::kSeccomp
                      : *report.signal == SIGXFSZ               ? EndedBy::kDisk
                      : *report.signal == SIGXCPU && time_is_up ? EndedBy::kCpu
                                                                : EndedBy::kSignal;
  }
  // The kernel's own count tells its kill from a program's. It is there however the rest raced.
  if (cgroup_usage.has_value() && cgroup_usage->memory_kills > 0) {
    report.ended_by = EndedBy::kMemory;
  }
  if (killed_for.has_value()) report.ended_by = *killed_for;
  add_limits(report);
  if (cgroup_usage.has_value() && cgroup_usage->refused_forks > 0) {
    resources.push_back(refused_forks());
    report.violations_total += cgroup_usage->refused_forks;
  }
  for (Violation& each : resource_violations(report, limits, cgroup_usage, resources)) {
    report.violations_total += each.count;
    resources.push_back(std::move(each));
  }
  // Of Mayfly's own tasks the limits are none that the caller gave.
  if (command.task.empty()) {
    for (Violation& each : resources) blame_call(each, limits, policy->limits);
  }
  report.violations.insert(report.violations.end(), std::make_move_iterator(resources.begin()),
                           std::make_move_iterator(resources.end()));
  return report;
}

}  // namespace mayfly::sandbox
