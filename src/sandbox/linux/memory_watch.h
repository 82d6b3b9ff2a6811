#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace mayfly::sandbox {

// Watches the memory of everything in init's pid namespace, ten times a second: what enforces
// `memory_bytes` where no cgroup does. It samples, so a burst between two samples is seen late.
//
// What counts: anonymous and shared memory of every process, what it swapped out, its page tables,
// and the files in the call's temporary directories. Pages that several processes share count in
// each until the sum nears the limit; then the exact shares are read (Pss, /proc/PID/smaps_rollup,
// proc(5)), which costs more. Not seen: memory that is only in a memfd which nobody maps.
//
// A sample that cannot be taken counts as over the limit: nothing inside may blind the watch.
class MemoryWatch {
 public:
  enum class Verdict { kWithin, kOver };

  // `limit_bytes` 0: nothing is enforced, peaks are still recorded.
  MemoryWatch(std::uint64_t limit_bytes, std::vector<std::string> temporary_directories)
      : limit_(limit_bytes), temporary_directories_(std::move(temporary_directories)) {}

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
  std::optional<Sum> sum_quickly() const;
  std::optional<std::uint64_t> sum_exactly() const;
  std::uint64_t temporary_bytes() const;

  std::uint64_t limit_;
  std::vector<std::string> temporary_directories_;
  // A call that is over sooner is never sampled: most are.
  TimePoint due_ = Clock::now() + milliseconds(20);
  std::uint64_t peak_bytes_ = 0;
  std::uint64_t peak_processes_ = 0;
};

}  // namespace mayfly::sandbox
