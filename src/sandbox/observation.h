#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "settings/location.h"

namespace mayfly::sandbox {

struct Report;
struct Violation;

// How much of what was stopped a receipt tells. Nothing here changes what is stopped.
enum class ObserveLevel {
  kOff,     // nothing but what was changed on the host's side (host_code)
  kWrites,  // what a program was not allowed to do or to change
  kAll,     // and what it was not allowed to read
};
const char* to_string(ObserveLevel level);

// "KIND", "KIND OPERATION" or "KIND OPERATION TARGET", words of a violation; "*" at the end of a
// word stands for any rest: "syscall mount", "filesystem write /proc/*". A target may have blanks.
struct IgnorePattern {
  std::string kind;
  std::string operation;  // empty: any
  std::string target;     // empty: any
  settings::Location at{};

  bool operator==(const IgnorePattern&) const = default;
};

// E1001 for an empty pattern, one of more than kMaxIgnorePattern bytes, a kind that no violation
// has, with the nearest, and "host_code", which is always told.
inline constexpr std::size_t kMaxIgnorePattern = 512;
Result<IgnorePattern> parse_ignore_pattern(std::string_view text);
bool matches(const IgnorePattern& pattern, const Violation& violation);

struct Observation {
  ObserveLevel level = ObserveLevel::kWrites;
  std::vector<IgnorePattern> ignore;

  bool operator==(const Observation&) const = default;
};

// Takes out of `report` what is not to be told, and out of its total. host_code always stays.
void leave_out(const Observation& observation, Report& report);

// Something that a profile insists on, in the words of `mayfly doctor` and of receipts.
enum class Requirement {
  kCgroup,      // control groups enforce memory, processes and CPU time
  kCgroupV2,    // of version 2
  kLandlock,    // the Landlock layer under the mounts
  kSupervisor,  // system calls that are refused are reported
};
const char* to_string(Requirement requirement);  // "cgroup", "cgroup-v2", "landlock", "supervisor"
// E1001, with the nearest, for what is none of them.
Result<Requirement> parse_requirement(std::string_view text);

}  // namespace mayfly::sandbox
