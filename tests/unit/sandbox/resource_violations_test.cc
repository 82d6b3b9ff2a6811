#include "sandbox/linux/resource_violations.h"

#include <signal.h>

#include <cerrno>

#include "catch_shim.h"

using namespace mayfly::sandbox;
using namespace mayfly;

namespace {

Limits limits() {
  Limits limits;
  limits.wall = milliseconds(2000);
  limits.cpu = milliseconds(300);
  limits.memory_bytes = 512ULL << 20;
  limits.disk_bytes = 1ULL << 30;
  limits.file_bytes = 1ULL << 20;
  return limits;
}

std::vector<Violation> of(EndedBy ended_by, std::optional<CgroupUsage> group = std::nullopt) {
  Report report;
  report.profile = "default";
  report.ended_by = ended_by;
  report.usage.wall = microseconds(2'010'000);
  report.usage.user = microseconds(310'000);
  report.usage.peak_memory_bytes = 512ULL << 20;
  report.usage.disk_bytes = 3ULL << 29;
  report.usage.peak_processes = 1030;
  return resource_violations(report, limits(), group, {});
}

std::string told(EndedBy ended_by) {
  const auto found = of(ended_by);
  return found.empty() ? "" : found.front().operation + " " + found.front().target;
}

}  // namespace

TEST_CASE("what ended a call is told as peak and cap") {
  CHECK(told(EndedBy::kMemory) == "memory 512 MiB of 512 MiB");
  CHECK(told(EndedBy::kCpu) == "cpu 0.3 s of 0.3 s");
  CHECK(told(EndedBy::kTimeout) == "wall 2.0 s of 2.0 s");
  CHECK(told(EndedBy::kDisk) == "disk 1.5 GiB of 1 GiB");
  CHECK(told(EndedBy::kOutput) == "output 64 MiB of 64 MiB");
  CHECK(told(EndedBy::kPids) == "fork 1030 of 1024 processes");
}

TEST_CASE("a call that ended by itself met no limit") {
  for (const EndedBy ended_by :
       {EndedBy::kExit, EndedBy::kSignal, EndedBy::kCancelled, EndedBy::kSeccomp}) {
    CHECK(of(ended_by).empty());
  }
}

TEST_CASE("the remedy names the key and the option") {
  const Violation memory = of(EndedBy::kMemory).at(0);
  CHECK(memory.rule == "default: limits.memory");
  CHECK(memory.remedy ==
        "memory peaked at the cap (512 MiB of 512 MiB): use less at once, or ask the operator for "
        "limits.memory, --memory SIZE");
  CHECK_FALSE(memory.retryable);
  CHECK(of(EndedBy::kTimeout).at(0).remedy.find("limits.wall, --timeout-ms N") !=
        std::string::npos);
}

TEST_CASE("memory that the group refused without a kill is told, cache that it dropped is not") {
  CgroupUsage group;
  CHECK(of(EndedBy::kExit, group).empty());
  group.refused_memory = 2;
  const auto refused = of(EndedBy::kExit, group);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].operation == "memory");
  CHECK(refused[0].errno_name == "ENOMEM");
}

TEST_CASE("a limit is told once, whoever saw it") {
  Report report;
  report.ended_by = EndedBy::kCpu;
  const std::vector<Violation> known = {
      resource_violation(*signal_of_limit(SIGXCPU, limits()), "default")};
  CHECK(resource_violations(report, limits(), std::nullopt, known).empty());
}

TEST_CASE("signals of limits are told, others are not") {
  const auto file = signal_of_limit(SIGXFSZ, limits());
  REQUIRE(file.has_value());
  CHECK(file->operation == "file");
  CHECK(file->target == "1 MiB of 1 MiB");
  CHECK(file->error == EFBIG);
  CHECK_FALSE(signal_of_limit(SIGKILL, limits()).has_value());
  CHECK_FALSE(signal_of_limit(SIGXCPU, Limits()).has_value());
}

TEST_CASE("a full file system in memory is told with its size or its files") {
  const Finding tmp = full_directory({"/tmp", false, 1ULL << 30, 0});
  CHECK(tmp.operation == "tmp");
  CHECK(tmp.target == "1 GiB of 1 GiB in /tmp");
  CHECK(tmp.error == ENOSPC);
  CHECK(resource_violation(tmp, "default").rule == "default: limits.tmp");
  CHECK(full_directory({"/dev/shm", false, 1 << 20, 0}).operation == "shm");
  CHECK(full_directory({"/tmp", false, 0, 1000}).target == "1000 of 1000 files in /tmp");
  const Finding own = full_directory({"/var/big", true, 1 << 20, 0});
  CHECK(own.operation == "tmpfs");
  CHECK(resource_violation(own, "default").rule == "default: filesystem.tmpfs");
  CHECK(resource_violation(full_directory({"/scratch", false, 1 << 20, 0}), "default").rule ==
        "default");
}

TEST_CASE("a limit that the call lowered itself is told as the call's") {
  const auto blamed = [](EndedBy ended_by, const Limits& policy) {
    Violation violation = of(ended_by).at(0);
    blame_call(violation, limits(), policy);
    return violation;
  };
  Limits wide = limits();
  CHECK(blamed(EndedBy::kTimeout, wide).rule == "default: limits.wall");
  CHECK(blamed(EndedBy::kMemory, wide).rule == "default: limits.memory");
  wide.wall = milliseconds(600'000);
  wide.memory_bytes = 2ULL << 30;
  wide.cpu = milliseconds(0);  // no limit
  const Violation wall = blamed(EndedBy::kTimeout, wide);
  CHECK(wall.rule == "this call: limits.wall");
  CHECK(wall.remedy ==
        "the call took longer than the cap (2.0 s of 2.0 s): do less in one call, or start it as "
        "a job, or raise timeout_ms in this call, at most 600.0 s");
  CHECK(wall.retryable);
  const Violation memory = blamed(EndedBy::kMemory, wide);
  CHECK(memory.rule == "this call: limits.memory");
  CHECK(memory.remedy.ends_with("or raise limits.memory_bytes in this call, at most 2 GiB"));
  CHECK(blamed(EndedBy::kCpu, wide).remedy.ends_with("or raise limits.cpu_ms in this call"));
  CHECK(blamed(EndedBy::kDisk, wide).rule == "default: limits.disk");
}
