#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "sandbox/linux/call_verdict.h"
#include "sandbox/linux/landlock.h"
#include "sandbox/linux/path_call.h"

namespace mayfly::sandbox {

// The rules of Tier::kLandlock, as the kernel holds them: of files, not of their names.
class HostRules {
 public:
  HostRules() = default;
  // Looks up now what each rule is about. One that is not there is left out, as in the ruleset.
  explicit HostRules(const std::vector<LandlockRule>& rules);

  enum class Need : std::uint8_t { kRead, kWrite, kMake, kExecute };
  enum class Answer : std::uint8_t { kAllowed, kDenied, kUnsure };
  // What Landlock says to a program that needs this of `file`; kMake: to make, remove or move
  // something in that directory.
  Answer allow(const OwnedFd& file, Need need) const;

 private:
  struct Rule {
    LandlockRule rule;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
  };
  bool has_rule_on(const OwnedFd& file, Need need) const;

  std::vector<Rule> rules_;
};

// What Landlock makes of `call` in Tier::kLandlock, which `thread` waits with. Init is not under
// that ruleset, and sees more than the program may: the only answer is EACCES, and only where the
// kernel has it after it has found what there is to find.
CallVerdict outside_verdict(const HostRules& rules, const PathCall& call, pid_t thread);

}  // namespace mayfly::sandbox
