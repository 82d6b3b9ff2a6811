#include "sandbox/linux/running_call.h"

#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/syscall_text.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxViolationKinds = 100;

const char* const kLayers[] = {"user namespace",    "mount namespace",      "pid namespace",
                               "network namespace", "ipc namespace",        "uts namespace",
                               "cgroup namespace",  "pivot_root",           "inner user namespace",
                               "no capabilities",   "no_new_privs",         "seccomp allowlist",
                               "rlimits",           "memory watch at 10 Hz"};

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
  // Before it is launched there is nothing to kill: kLaunched looks at `killed_for` again.
  if (pidfd.valid()) (void)sys::pidfd_send_signal(pidfd.get(), SIGKILL);
}

void RunningCall::end(EndedBy reason, std::optional<milliseconds> grace) {
  if (program_status.has_value()) return;  // it ended by itself; only the pipes are left
  if (!killed_for.has_value()) killed_for = reason;
  terminate_at.reset();
  if (!grace.has_value()) return kill_now();
  Note terminate;
  terminate.kind = Kind::kTerminate;
  (void)sys::send_message(channel.get(), encode(terminate));
  if (!kill_at.has_value()) kill_at = Clock::now() + *grace;
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
      if (!note.stages.empty()) stages.insert(stages.end(), note.stages.begin(), note.stages.end());
      break;
    case Kind::kFailed:
      stages.insert(stages.end(), note.stages.begin(), note.stages.end());
      if (!failure.has_value()) failure = note.error;
      break;
    case Kind::kExited:
      program_status = note.wait_status;
      left_files_in_tmp = note.left_files_in_tmp;
      [[fallthrough]];
    case Kind::kOverMemory:
      watched_peak = std::max(watched_peak, note.bytes);
      watched_processes = std::max(watched_processes, note.peak_processes);
      if (note.kind == Kind::kOverMemory && !killed_for.has_value()) killed_for = EndedBy::kMemory;
      break;
    case Kind::kEnded:
      ended = note;
      break;
    default:
      break;
  }
}

void RunningCall::answer_notification() {
  seccomp_notif request{};
  if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) {
    if (errno != EINTR && errno != ENOENT) listener.reset();
    return;
  }
  seccomp_notif_resp response{};
  response.id = request.id;
  response.error = -EPERM;
  (void)::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
  if (is_routine_probe(request.data)) return;
  CallText text = describe_call(request.data);
  Violation violation;
  violation.kind = ViolationKind::kSyscall;
  violation.operation = std::move(text.operation);
  violation.target = std::move(text.target);
  violation.rule = policy->profile + ": system calls";
  violation.errno_name = "EPERM";
  violation.remedy = "No profile allows this call; use a way that does without it";
  record(std::move(violation));
}

Report RunningCall::report() const {
  Report report;
  report.call_id = id;
  report.profile = policy->profile;
  report.policy_digest = policy_digest;
  report.out = streams[0];
  report.err = streams[1];
  report.violations = violations;
  report.violations_total = violations_total;
  report.left_files_in_tmp = left_files_in_tmp;
  report.usage.setup = stages;
  report.usage.wall = std::chrono::duration_cast<microseconds>(finished - began);

  if (ended.has_value()) {
    const struct rusage& used = ended->usage;
    report.usage.user = since_epoch(used.ru_utime);
    report.usage.system = since_epoch(used.ru_stime);
    report.usage.voluntary_switches = count(used.ru_nvcsw);
    report.usage.involuntary_switches = count(used.ru_nivcsw);
    report.usage.minor_faults = count(used.ru_minflt);
    report.usage.major_faults = count(used.ru_majflt);
    report.usage.peak_memory_bytes = std::max(watched_peak, count(used.ru_maxrss) << 10);
  }
  if (watched_processes > 0) {
    report.usage.peak_processes = watched_processes;
  } else {
    report.unavailable.push_back({"peak_processes", "the call ended before the first sample"});
  }
  report.unavailable.push_back({"bytes_read, bytes_written", "needs a cgroup, not used yet"});
  report.unavailable.push_back({"use of open_files, file_bytes, tmp_bytes, shm_bytes",
                                "the kernel enforces these limits without telling us"});

  if (failure.has_value() && !killed_for.has_value()) {
    report.ended_by = EndedBy::kSetup;
    report.setup_error = failure;
    return report;
  }
  report.layers.assign(std::begin(kLayers), std::end(kLayers));
  if (landlock_abi > 0) report.layers.push_back("Landlock ABI " + std::to_string(landlock_abi));
  const int status = program_status.value_or(SIGKILL);
  if (WIFEXITED(status)) {
    report.exit_code = WEXITSTATUS(status);
    report.ended_by = EndedBy::kExit;
  } else {
    report.signal = WTERMSIG(status);
    report.ended_by = *report.signal == SIGSYS    ? EndedBy::kSeccomp
                      : *report.signal == SIGXFSZ ? EndedBy::kDisk
                      : *report.signal == SIGXCPU ? EndedBy::kCpu
                                                  : EndedBy::kSignal;
  }
  if (killed_for.has_value()) report.ended_by = *killed_for;
  const auto limit = [&report](const char* name, std::uint64_t most,
                               std::optional<std::uint64_t> used, bool reached) {
    report.limits.push_back({name, most, used, reached});
  };
  limit("wall_ms", millis(limits.wall), millis(report.usage.wall),
        report.ended_by == EndedBy::kTimeout);
  limit("memory_bytes", limits.memory_bytes, report.usage.peak_memory_bytes,
        report.ended_by == EndedBy::kMemory ||
            report.usage.peak_memory_bytes.value_or(0) > limits.memory_bytes);
  limit("processes", limits.processes, report.usage.peak_processes,
        watched_processes >= limits.processes);
  limit("output_bytes", limits.output_bytes, output_total, report.ended_by == EndedBy::kOutput);
  limit("file_bytes", limits.file_bytes, std::nullopt, report.ended_by == EndedBy::kDisk);
  limit("open_files", limits.open_files, std::nullopt, false);
  limit("tmp_bytes", limits.tmp_bytes, std::nullopt, false);
  limit("shm_bytes", limits.shm_bytes, std::nullopt, false);
  return report;
}

}  // namespace mayfly::sandbox
