#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>

#include "base/clock.h"
#include "sandbox/report.h"

namespace mayfly::tools {

// Finds out that a caller runs against the same wall again and again, which no caller sees from a
// single receipt. Not thread-safe.
//
// Two denials are the same wall if policy, kind, operation and rule are, and what of the target the
// rule looks at: of a file its directory, of a network address the host without its port, of a
// capability its name, of a limit nothing (its target says how far the call went), of a system
// call all of it. A name with a counter or a suffix of its own is the same again, then; another
// directory or host is not, since the rule may well say something else about that.
class DenialLoops {
 public:
  // From this call on it is said.
  static constexpr std::uint64_t kWorthSaying = 3;
  static constexpr std::size_t kKept = 256;  // walls; the one met longest ago is forgotten
  static constexpr milliseconds kForgotten{30 * 60 * 1000};  // since it was met last

  // In how many calls, with this one, `violation` was met. A call counts once, whatever it tries.
  // Calls in between that met nothing, or something else, change nothing.
  std::uint64_t met(const std::string& policy_digest, const std::string& call_id,
                    const sandbox::Violation& violation, TimePoint now);

 private:
  struct Wall {
    std::string key;
    std::string last_call;
    std::uint64_t calls = 0;
    TimePoint last{};
  };
  std::list<Wall> walls_;  // the one met last in front
  std::map<std::string, std::list<Wall>::iterator> by_key_;
};

// What of its target makes `violation` the same as another.
std::string wall_of(const sandbox::Violation& violation);

}  // namespace mayfly::tools
