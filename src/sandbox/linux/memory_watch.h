#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace mayfly::sandbox {

// Watches the memory of everything in init's pid namespace, ten times a second: what enforces
// `memory_bytes` where no cgroup does. It samples, so a burst between two samples is seen late.
//
// A process counts with the memory that is its own: anonymous pages, what it swapped out, and its
// page tables. Pages shared after a fork count in every process until the sum nears the limit; then
// the exact shares are read (Pss, /proc/PID/smaps_rollup, proc(5)), which costs more.
class MemoryWatch {
 public:
  enum class Verdict { kWithin, kOver };

  // `limit_bytes` 0: nothing is enforced, peaks are still recorded.
  explicit MemoryWatch(std::uint64_t limit_bytes) : limit_(limit_bytes) {}

  // For poll(2): milliseconds until the next sample.
  int next_sample_ms() const;
  Verdict sample_if_due();
  std::uint64_t peak_bytes() const { return peak_bytes_; }
  std::uint64_t peak_processes() const { return peak_processes_; }

 private:
  struct Sum {
    std::uint64_t bytes = 0;
    std::uint64_t processes = 0;
  };
  static Sum sum_own();
  static std::uint64_t sum_exact();

  std::uint64_t limit_;
  // A call that is over sooner is never sampled: most are.
  TimePoint due_ = Clock::now() + milliseconds(20);
  std::uint64_t peak_bytes_ = 0;
  std::uint64_t peak_processes_ = 0;
};

}  // namespace mayfly::sandbox
