#pragma once

#include <cstdint>

#include "base/clock.h"

namespace mayfly::sandbox {

// What a sandbox may use. Every value is a ceiling; a caller may only lower it.
struct Limits {
  milliseconds wall{10 * 60 * 1000};       // TERM at this age, KILL `kill_grace` later
  milliseconds job_wall{60 * 60 * 1000};   // the same for a call that became a job
  milliseconds cpu{0};                     // CPU time, all processes together; 0: no limit
  std::uint64_t cpu_percent = 0;           // share of CPU, 100 is one core; 0: no limit
  std::uint64_t memory_bytes = 0;          // all processes together
  std::uint64_t processes = 1024;          // processes and threads together
  std::uint64_t open_files = 65536;        // a process; lowered to the host's hard limit
  std::uint64_t file_bytes = 16ULL << 30;  // one file
  // Written by all processes together, to the workspace, caches and temporary files.
  std::uint64_t disk_bytes = 16ULL << 30;
  std::uint64_t io_bytes_per_second = 0;     // from and to the workspace's disk, each; 0: no limit
  std::uint64_t tmp_bytes = 1ULL << 30;      // /tmp, and the same again for the private home
  std::uint64_t shm_bytes = 1ULL << 30;      // /dev/shm
  std::uint64_t output_bytes = 64ULL << 20;  // stdout and stderr together, kept whole up to here

  bool operator==(const Limits&) const = default;
};

// Less of these is not enough for what a sandbox itself needs before the program runs.
inline constexpr std::uint64_t kLeastMemoryBytes = 4ULL << 20;
inline constexpr std::uint64_t kLeastOpenFiles = 16;

}  // namespace mayfly::sandbox
