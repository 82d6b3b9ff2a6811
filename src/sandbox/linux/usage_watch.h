#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "sandbox/linux/family_tally.h"
#include "sandbox/linux/ledger.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {

// A file system in memory that only one call has.
struct TemporaryDirectory {
  OwnedFd directory;  // by descriptor: its path may come to lead elsewhere
  std::uint64_t device = 0;
  std::string path = {};
  bool of_rule = false;  // a rule of the profile says how large it is
};

// A file system in memory that has no room left.
struct FullDirectory {
  std::string path;
  bool of_rule = false;
  std::uint64_t bytes = 0;    // all that there is
  std::uint64_t entries = 0;  // the same in files, if those ran out
};
// Nothing if there is room, or if `directory` cannot be asked.
std::optional<FullDirectory> look_for_room(const TemporaryDirectory& directory);
// Those of the call, once they are mounted and before the program runs.
Result<std::vector<TemporaryDirectory>> temporary_directories(const RootPlan& root);

// Watches what everything in init's pid namespace uses, ten times a second: memory and CPU time
// where no cgroup does it, what is written to disk always. It samples, so a burst between two
// samples is seen late. When there are so many processes that looking takes long, it looks less
// often, to use no more than a tenth of one CPU, but twice a second at the least.
//
// Memory: anonymous and shared memory of every process, what it swapped out, its page tables, and
// the files in the call's temporary directories. Pages that several processes share count in each
// until the sum nears the limit; then the exact shares are read (Pss, /proc/PID/smaps_rollup,
// proc(5)), which costs more, so of processes with huge page tables they are not. Not seen: memory
// that is only in a memfd which nobody maps.
//
// Disk: what processes wrote to storage, less what they took back before it got there
// (/proc/PID/io), what they reserved with fallocate(2), and what is in temporary directories.
//
// A process whose figure cannot be read counts with its last one, and as over the limit if that
// goes on. A sample that cannot be taken counts as over a limit: nothing inside may blind the
// watch.
class UsageWatch {
 public:
  enum class Verdict { kWithin, kOverMemory, kOverCpu, kOverDisk };

  UsageWatch(const CallPlan& call, const std::vector<TemporaryDirectory>& temporary,
             LedgerWriter& ledger);

  // For poll(2): milliseconds until the next sample.
  int next_sample_ms() const;
  Verdict sample_if_due();
  // Whether there is something to say at the end of a call: the shortest are never sampled.
  bool ever_sampled() const { return sampled_; }
  Verdict sample();
  // Tells the ledger once of each temporary directory that is full now. Not seen: one that was full
  // between two looks.
  void look_for_full();
  // fallocate(2) is about to reserve this much. False: more than there may be.
  bool reserve(std::uint64_t bytes);

 private:
  struct Sample;
  std::optional<Sample> look() const;
  std::uint64_t memory_of(const Sample& sample) const;
  static Sample with_exact_memory(Sample sample);
  bool hides_too_long(bool hidden);
  std::uint64_t temporary_bytes() const;
  std::uint64_t disk_bytes() const;
  void publish();

  const Limits limits_;
  const bool watch_memory_;
  const bool watch_cpu_;
  const std::vector<TemporaryDirectory>& temporary_;
  std::set<std::string> full_;  // paths that the ledger knows of
  LedgerWriter& ledger_;
  // A call that is over sooner is never sampled: most are.
  TimePoint due_ = Clock::now() + milliseconds(20);
  bool sampled_ = false;
  FamilyTally user_;
  FamilyTally system_;
  FamilyTally written_;
  std::uint64_t reserved_ = 0;
  std::uint64_t in_memory_ = 0;  // bytes in temporary directories, at the last sample
  unsigned hidden_ = 0;          // rises when a process hides what it writes, and falls again
  WatchedUsage usage_;
};

}  // namespace mayfly::sandbox
