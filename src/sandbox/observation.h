#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "settings/location.h"

namespace mayfly::sandbox {

// How much of what was stopped a receipt tells. Nothing here changes what is stopped.
enum class ObserveLevel {
  kOff,     // nothing but what was changed on the host's side (host_code)
  kWrites,  // what a program was not allowed to do or to change
  kAll,     // and what it was not allowed to read
};
const char* to_string(ObserveLevel level);

// "KIND", "KIND OPERATION" or "KIND OPERATION TARGET", words of a violation; "*" at the end of a
// word stands for any rest: "syscall mount", "filesystem open /proc/*".
struct IgnorePattern {
  std::string kind;
  std::string operation;
  std::string target;
  settings::Location at{};

  bool operator==(const IgnorePattern&) const = default;
};
// E1001 for a kind that is not known.
Result<IgnorePattern> parse_ignore_pattern(std::string_view text);

struct Observation {
  ObserveLevel level = ObserveLevel::kWrites;
  std::vector<IgnorePattern> ignore;

  bool operator==(const Observation&) const = default;
};

// Something that a profile insists on, in the words of `mayfly doctor` and of receipts.
enum class Requirement {
  kCgroup,      // control groups enforce memory, processes and CPU time
  kCgroupV2,    // of version 2
  kLandlock,    // the Landlock layer under the mounts
  kSupervisor,  // system calls that are refused are reported
};
const char* to_string(Requirement requirement);  // "cgroup", "cgroup-v2", "landlock", "supervisor"

}  // namespace mayfly::sandbox
