#include "sandbox/linux/running_call.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>

#include "base/sys.h"
#include "base/text.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxViolationKinds = 100;

Violation violation_of(const Finding& finding, const std::string& profile) {
  Violation violation;
  violation.kind = finding.kind;
  violation.operation = text::one_line(finding.operation);
  violation.target = text::one_line(finding.target);
  const char* name = ::strerrorname_np(finding.error);
  violation.errno_name = name != nullptr ? name : "";
  violation.count = finding.count;
  switch (finding.rule) {
    case BrokenRule::kSystemCalls:
      violation.rule = profile + ": system calls";
      violation.remedy = "No profile allows this call; use a way that does without it";
      break;
    case BrokenRule::kUnixSockets:
      violation.rule = profile + ": unix sockets";
      violation.remedy =
          "Only sockets made by this sandbox or by a job of yours answer: start the "
          "server in this call, or as a job";
      break;
  }
  return violation;
}

const char* const kLayers[] = {"user namespace",    "mount namespace", "pid namespace",
                               "network namespace", "ipc namespace",   "uts namespace",
                               "cgroup namespace",  "pivot_root",      "inner user namespace",
                               "no capabilities",   "no_new_privs",    "seccomp allowlist",
                               "rlimits",           "watch at 10 Hz"};

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
    case Kind::kEnded:
      ended = note;
      break;
    default:
      break;
  }
}

Report RunningCall::report() const {
  Report report;
  report.call_id = id;
  report.profile = policy->profile;
  report.policy_digest = policy_digest;
  report.out = streams[0];
  report.err = streams[1];
  const LedgerContent seen = ledger.has_value() ? ledger->read() : LedgerContent();
  for (const Finding& finding : seen.findings) {
    report.violations.push_back(violation_of(finding, policy->profile));
  }
  report.violations.insert(report.violations.end(), violations.begin(), violations.end());
  report.violations_total = seen.total + violations_total;
  report.left_files_in_tmp = left_files_in_tmp;
  report.usage.setup = stages;
  report.usage.wall = std::chrono::duration_cast<microseconds>(finished - began);

  if (ended.has_value()) {
    const struct rusage& used = ended->usage;
    // Of processes that were killed together with init the kernel does not tell what they used.
    const auto watched = [](std::uint64_t us) { return microseconds(us); };
    report.usage.user = std::max(since_epoch(used.ru_utime), watched(seen.usage.user_us));
    report.usage.system = std::max(since_epoch(used.ru_stime), watched(seen.usage.system_us));
    constexpr std::uint64_t kBlock = 512;
    report.usage.bytes_read = count(used.ru_inblock) * kBlock;
    report.usage.bytes_written = count(used.ru_oublock) * kBlock;
    report.usage.disk_bytes = std::max(seen.usage.disk_bytes, *report.usage.bytes_written);
    report.usage.voluntary_switches = count(used.ru_nvcsw);
    report.usage.involuntary_switches = count(used.ru_nivcsw);
    report.usage.minor_faults = count(used.ru_minflt);
    report.usage.major_faults = count(used.ru_majflt);
    report.usage.peak_memory_bytes =
        std::max(seen.usage.peak_memory_bytes, count(used.ru_maxrss) << 10);
  }
  if (seen.usage.peak_processes > 0) {
    report.usage.peak_processes = seen.usage.peak_processes;
  } else {
    report.unavailable.push_back({"peak_processes", "the call ended before the first sample"});
  }
  report.unavailable.push_back({"use of open_files, file_bytes, tmp_bytes, shm_bytes",
                                "the kernel enforces these limits without telling us"});

  if (failure.has_value() && !killed_for.has_value()) {
    report.ended_by = EndedBy::kSetup;
    report.setup_error = failure;
    return report;
  }
  report.layers.assign(std::begin(kLayers), std::end(kLayers));
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
        seen.usage.peak_processes >= limits.processes);
  if (limits.cpu.count() > 0) {
    limit("cpu_ms", millis(limits.cpu), millis(report.usage.user + report.usage.system),
          report.ended_by == EndedBy::kCpu);
  }
  const bool over_disk =
      limits.disk_bytes != 0 && report.usage.disk_bytes.value_or(0) > limits.disk_bytes;
  limit("disk_bytes", limits.disk_bytes, report.usage.disk_bytes, over_disk);
  limit("output_bytes", limits.output_bytes, output_total, report.ended_by == EndedBy::kOutput);
  limit("file_bytes", limits.file_bytes, std::nullopt, report.signal.value_or(0) == SIGXFSZ);
  limit("open_files", limits.open_files, std::nullopt, false);
  limit("tmp_bytes", limits.tmp_bytes, std::nullopt, false);
  limit("shm_bytes", limits.shm_bytes, std::nullopt, false);
  return report;
}

}  // namespace mayfly::sandbox
