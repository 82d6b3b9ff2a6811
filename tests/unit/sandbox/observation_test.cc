#include "sandbox/observation.h"

#include "catch_shim.h"
#include "sandbox/report.h"

namespace mayfly::sandbox {
namespace {

Violation violation(ViolationKind kind, const char* operation, const char* target,
                    std::uint64_t count = 1) {
  Violation out;
  out.kind = kind;
  out.operation = operation;
  out.target = target;
  out.count = count;
  return out;
}

Report example() {
  Report report;
  report.violations = {violation(ViolationKind::kSyscall, "mount", "", 5),
                       violation(ViolationKind::kSyscall, "mount_setattr", "", 2),
                       violation(ViolationKind::kNetwork, "connect", "/run/a b", 3),
                       violation(ViolationKind::kHostCode, "changed", ".git/hooks/x")};
  report.violations_total = 11;
  return report;
}

std::size_t left(const char* pattern, std::uint64_t& total) {
  Observation observation;
  observation.ignore = {parse_ignore_pattern(pattern).value()};
  Report report = example();
  leave_out(observation, report);
  total = report.violations_total;
  return report.violations.size();
}

}  // namespace

TEST_CASE("a pattern leaves out the violations that it matches, and out of the total") {
  std::uint64_t total = 0;
  CHECK(left("syscall", total) == 2);
  CHECK(total == 4);
  CHECK(left("syscall mount", total) == 3);
  CHECK(total == 6);
  CHECK(left("syscall mount*", total) == 2);
  CHECK(left("network connect /run/a b", total) == 3);
  CHECK(left(" network  connect  /run/* ", total) == 3);
  CHECK(left("network connect /run", total) == 4);
  CHECK(total == 11);
}

TEST_CASE("no pattern and no level leaves out what could run on the host") {
  std::uint64_t total = 0;
  CHECK(left("*", total) == 1);
  CHECK(total == 1);
  Observation off;
  off.level = ObserveLevel::kOff;
  Report report = example();
  leave_out(off, report);
  REQUIRE(report.violations.size() == 1);
  CHECK(report.violations[0].kind == ViolationKind::kHostCode);
  CHECK(report.violations_total == 1);
}

TEST_CASE("without patterns everything is told") {
  Report report = example();
  leave_out({}, report);
  CHECK(report.violations == example().violations);
  CHECK(report.violations_total == 11);
}

TEST_CASE("a pattern of a kind that there is not is refused with the nearest") {
  const auto refused = parse_ignore_pattern("syscal mount");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalidConfiguration);
  CHECK_THAT(refused.error().remedy, test::contains("\"syscall\""));
  for (const char* text : {"", "   ", "nothing", "x*", "host_code", "host_code changed"}) {
    INFO(text);
    CHECK_FALSE(parse_ignore_pattern(text).has_value());
  }
  CHECK_FALSE(parse_ignore_pattern(std::string(kMaxIgnorePattern + 1, 'a')).has_value());
  CHECK(parse_ignore_pattern("sys*").value().kind == "sys*");
}

TEST_CASE("a pattern of an operation that its kind does not have is refused with the nearest") {
  const auto refused = parse_ignore_pattern("filesystem created /usr/*");
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().remedy, test::contains("\"create\""));
  for (const char* text : {"network mount", "resource x*", "file* connect", "filesystem Read"}) {
    INFO(text);
    CHECK_FALSE(parse_ignore_pattern(text).has_value());
  }
  for (const char* text : {"filesystem cre*", "network *", "syscall any", "capability any",
                           "* mount", "sys* any", "resource tmp", "filesystem create /x y"}) {
    INFO(text);
    CHECK(parse_ignore_pattern(text).has_value());
  }
}

TEST_CASE("requirements are read by their names, and others refused with the nearest") {
  CHECK(parse_requirement("cgroup-v2").value() == Requirement::kCgroupV2);
  CHECK(parse_requirement("landlock").value() == Requirement::kLandlock);
  const auto refused = parse_requirement("cgroupv2");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalidConfiguration);
  CHECK_THAT(refused.error().remedy, test::contains("cgroup"));
  CHECK_FALSE(parse_requirement("").has_value());
}

}  // namespace mayfly::sandbox
