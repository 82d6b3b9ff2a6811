#include "sandbox/linux/family_tally.h"

#include <algorithm>
#include <utility>

namespace mayfly::sandbox {

void FamilyTally::take(const std::vector<Reading>& readings) {
  std::map<pid_t, Reading> now;
  std::map<pid_t, std::uint64_t> growth;
  std::uint64_t sum = 0;
  for (Reading reading : readings) {
    const auto before = last_.find(reading.pid);
    const bool same = before != last_.end() && before->second.born == reading.born;
    if (!reading.known) {
      reading.value = same ? before->second.value : 0;
      reading.claimable = same ? before->second.claimable : 0;
    }
    now[reading.pid] = reading;
    sum += reading.value;
    // A process that is new can have waited for none of the last readings.
    if (!same) continue;
    const std::uint64_t was = before->second.claimable;
    growth[reading.pid] = reading.claimable - std::min(was, reading.claimable);
  }
  const auto claimed_by = [&growth](pid_t pid, std::uint64_t value) {
    const auto found = growth.find(pid);
    if (found == growth.end() || found->second < value) return false;
    found->second -= value;
    return true;
  };
  for (const auto& [pid, gone] : last_) {
    const auto still = now.find(pid);
    if (gone.value == 0 || (still != now.end() && still->second.born == gone.born)) continue;
    bool claimed = claimed_by(root_, gone.value);
    pid_t ancestor = gone.parent;
    for (std::size_t step = 0; !claimed && step < last_.size(); ++step) {
      claimed = claimed_by(ancestor, gone.value);
      const auto above = last_.find(ancestor);
      if (above == last_.end()) break;
      ancestor = above->second.parent;
    }
    if (!claimed) unclaimed_ += gone.value;
  }
  last_ = std::move(now);
  total_ = std::max(total_, sum + unclaimed_);
}

}  // namespace mayfly::sandbox
