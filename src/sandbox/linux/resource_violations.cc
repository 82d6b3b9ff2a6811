#include "sandbox/linux/resource_violations.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox {
namespace {

// A limit's key, its option, and what a program can do about it.
struct Words {
  std::string_view operation;
  const char* what;
  const char* instead;
  const char* key;
  const char* option;
};
constexpr Words kWords[] = {
    {"memory", "memory peaked at the cap", "use less at once", "memory", "--memory SIZE"},
    {"cpu", "the CPU time of all processes reached the cap", "do less in one call", "cpu",
     "--cpu-ms N"},
    {"wall", "the call took longer than the cap", "do less in one call, or start it as a job",
     "wall", "--timeout-ms N"},
    {"disk", "what was written reached the cap", "write less in one call", "disk", "--disk SIZE"},
    {"file", "a file reached the cap", "write several smaller files", "file", "--file-size SIZE"},
    {"output", "the output reached the cap", "send it to a file and read parts of that", "output",
     "--max-output-bytes SIZE"},
    {"fork", "processes and threads reached the cap", "use fewer at once", "processes", "--pids N"},
    {"tmp", "the file system in memory is full", "remove files there, or write to the workspace",
     "tmp", "--tmp SIZE"},
    {"shm", "/dev/shm is full", "use less shared memory", "shm", "--shm SIZE"},
    {"tmpfs", "the file system in memory is full", "write less there", "", ""},
    {"scratch", "$SCRATCH is full", "remove files there, or write to the workspace", "", ""},
};

const Words* words_for(std::string_view operation) {
  const auto* found =
      std::find_if(std::begin(kWords), std::end(kWords),
                   [operation](const Words& each) { return each.operation == operation; });
  return found == std::end(kWords) ? nullptr : found;
}

std::string of(const std::string& peak, const std::string& cap) { return peak + " of " + cap; }

std::string bytes_of(std::uint64_t peak, std::uint64_t cap) {
  return of(text::human_bytes(peak), text::human_bytes(cap));
}

std::string seconds(microseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(time.count()) / 1e6);
  return text;
}

std::string time_of(microseconds peak, milliseconds cap) {
  return of(seconds(peak), seconds(std::chrono::duration_cast<microseconds>(cap)));
}

Violation say(std::string_view operation, std::string target, int error,
              const std::string& profile) {
  Violation violation;
  violation.kind = ViolationKind::kResource;
  violation.operation = operation;
  violation.target = std::move(target);
  if (const char* name = error != 0 ? ::strerrorname_np(error) : nullptr; name != nullptr) {
    violation.errno_name = name;
  }
  violation.rule = profile;
  const Words* words = words_for(operation);
  if (words == nullptr) return violation;
  const std::string key = words->key[0] != '\0'  ? std::string("limits.") + words->key
                          : operation == "tmpfs" ? std::string("filesystem.tmpfs")
                                                 : std::string();
  if (!key.empty()) violation.rule += ": " + key;
  violation.remedy = std::string(words->what) + " (" + violation.target + "): " + words->instead;
  if (!key.empty()) violation.remedy += ", or ask the operator for " + key;
  if (words->option[0] != '\0') violation.remedy += std::string(", ") + words->option;
  return violation;
}

// A limit that arguments of a call can lower.
struct Lowered {
  const char* argument = nullptr;
  std::string most;  // empty: there is no limit
};

std::optional<Lowered> lowered(std::string_view operation, const Limits& call,
                               const Limits& policy) {
  struct Bytes {
    std::string_view operation;
    const char* argument;
    std::uint64_t Limits::*value;
  };
  static constexpr Bytes kBytes[] = {{"memory", "limits.memory_bytes", &Limits::memory_bytes},
                                     {"disk", "limits.disk_bytes", &Limits::disk_bytes},
                                     {"file", "limits.file_bytes", &Limits::file_bytes},
                                     {"output", "limits.output_bytes", &Limits::output_bytes},
                                     {"tmp", "limits.tmp_bytes", &Limits::tmp_bytes}};
  for (const Bytes& each : kBytes) {
    if (each.operation != operation) continue;
    const std::uint64_t most = policy.*each.value;
    const std::uint64_t mine = call.*each.value;
    if (mine == 0 || (most != 0 && mine >= most)) return std::nullopt;
    return Lowered{each.argument, most == 0 ? "" : text::human_bytes(most)};
  }
  if (operation == "fork" && call.processes < policy.processes) {
    return Lowered{"limits.processes", std::to_string(policy.processes)};
  }
  if (operation == "cpu" && call.cpu.count() != 0 &&
      (policy.cpu.count() == 0 || call.cpu < policy.cpu)) {
    return Lowered{"limits.cpu_ms", policy.cpu.count() == 0 ? "" : seconds(policy.cpu)};
  }
  if (operation == "wall" && call.wall != policy.wall && call.wall < policy.job_wall) {
    // As a job it may have had longer than other calls, and still less than jobs.
    return Lowered{"timeout_ms", seconds(call.wall < policy.wall ? policy.wall : policy.job_wall)};
  }
  return std::nullopt;
}

}  // namespace

void blame_call(Violation& violation, const Limits& call, const Limits& policy) {
  const Words* words = words_for(violation.operation);
  if (violation.kind != ViolationKind::kResource || words == nullptr) return;
  const auto by_call = lowered(violation.operation, call, policy);
  if (!by_call) return;
  violation.rule = std::string("this call: limits.") + words->key;
  violation.remedy = std::string(words->what) + " (" + violation.target + "): " + words->instead +
                     ", or raise " + by_call->argument + " in this call";
  if (!by_call->most.empty()) violation.remedy += ", at most " + by_call->most;
  violation.retryable = true;
}

Finding full_directory(const FullDirectory& full) {
  Finding finding;
  finding.kind = ViolationKind::kResource;
  finding.operation = full.path == "/dev/shm"     ? "shm"
                      : full.path == kScratchPath ? "scratch"
                      : full.of_rule              ? "tmpfs"
                                                  : "tmp";
  finding.target = full.entries != 0
                       ? of(std::to_string(full.entries), std::to_string(full.entries)) + " files"
                       : bytes_of(full.bytes, full.bytes);
  finding.target += " in " + full.path;
  finding.error = ENOSPC;
  return finding;
}

std::optional<Finding> signal_of_limit(int signal, const Limits& limits) {
  Finding finding;
  finding.kind = ViolationKind::kResource;
  if (signal == SIGXFSZ && limits.file_bytes != 0) {
    finding.operation = "file";
    finding.target = bytes_of(limits.file_bytes, limits.file_bytes);
    finding.error = EFBIG;
    return finding;
  }
  if (signal == SIGXCPU && limits.cpu.count() != 0) {
    finding.operation = "cpu";
    finding.target = time_of(limits.cpu, limits.cpu);
    return finding;
  }
  return std::nullopt;
}

Violation resource_violation(const Finding& finding, const std::string& profile) {
  Violation violation = say(text::one_line(finding.operation), text::one_line(finding.target),
                            finding.error, profile);
  violation.count = finding.count;
  return violation;
}

std::vector<Violation> resource_violations(const Report& report, const Limits& limits,
                                           const std::optional<CgroupUsage>& group,
                                           const std::vector<Violation>& known) {
  std::vector<Violation> found;
  const auto add = [&](std::string_view operation, std::string target, int error = 0) {
    const bool told = std::any_of(known.begin(), known.end(), [&](const Violation& each) {
      return each.kind == ViolationKind::kResource && each.operation == operation;
    });
    if (!told) found.push_back(say(operation, std::move(target), error, report.profile));
  };
  const Usage& usage = report.usage;
  switch (report.ended_by) {
    case EndedBy::kTimeout:
      add("wall", time_of(usage.wall, limits.wall));
      break;
    case EndedBy::kCpu:
      add("cpu", time_of(usage.user + usage.system, limits.cpu));
      break;
    case EndedBy::kMemory:
      add("memory",
          bytes_of(usage.peak_memory_bytes.value_or(limits.memory_bytes), limits.memory_bytes));
      break;
    case EndedBy::kDisk:
      // Of a file that grew too large, init has told.
      if (report.signal.value_or(0) == SIGXFSZ) break;
      add("disk", bytes_of(usage.disk_bytes.value_or(limits.disk_bytes), limits.disk_bytes));
      break;
    case EndedBy::kOutput:
      add("output", bytes_of(limits.output_bytes, limits.output_bytes));
      break;
    case EndedBy::kPids:
      // Refused forks are counted where a control group refuses them.
      if (group.has_value() && group->refused_forks > 0) break;
      add("fork", of(std::to_string(usage.peak_processes.value_or(limits.processes)),
                     std::to_string(limits.processes)) +
                      " processes");
      break;
    default:
      break;
  }
  // That the group came up against its limit says little, since cached files are then let go.
  if (group.has_value() && group->refused_memory > 0 && group->memory_kills == 0) {
    add("memory",
        bytes_of(usage.peak_memory_bytes.value_or(limits.memory_bytes), limits.memory_bytes),
        ENOMEM);
  }
  return found;
}

}  // namespace mayfly::sandbox
