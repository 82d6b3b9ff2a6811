#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

namespace mayfly::sandbox {

// A figure of all descendants together, from readings of each that include the children which it
// waited for. What a child had that nobody waited for (SIGCHLD ignored, wait(2)) is kept from its
// last reading. Only an ancestor's growth can be what a child had: never a sibling's, with which a
// program could hide it.
class FamilyTally {
 public:
  struct Reading {
    pid_t pid = 0;
    pid_t parent = 0;
    std::uint64_t born = 0;  // tells a process from another one with the same number
    std::uint64_t value = 0;
    std::uint64_t claimable = 0;  // of `value`, what may have come from children
    bool known = true;            // else it has what it had
  };
  // `readings` hold one of `root`, with what it reaped: all that is orphaned comes to it.
  explicit FamilyTally(pid_t root) : root_(root) {}
  void take(const std::vector<Reading>& readings);
  std::uint64_t total() const { return total_; }

 private:
  const pid_t root_;
  std::map<pid_t, Reading> last_;
  std::uint64_t unclaimed_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace mayfly::sandbox
