#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mayfly::sandbox {

// What a sandbox may use. Every value is a ceiling; a caller may only lower it.
struct Limits {
  milliseconds wall{10 * 60 * 1000};      // TERM at this age, KILL `kill_grace` later
  milliseconds job_wall{60 * 60 * 1000};  // the same for a call that became a job
  milliseconds cpu{0};                    // CPU time, all processes together; 0: no limit
  std::uint64_t cpu_percent = 0;          // share of CPU, 100 is one core; 0: no limit
  std::uint64_t memory_bytes = 0;  // all processes together; 0: half of the machine, at least 2 GiB
  std::uint64_t processes = 1024;  // processes and threads together
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

// How much of a sandbox a host must be able to make. kLandlock is for hosts without user
// namespaces: no namespaces and no private view of the file system, only Landlock, seccomp and
// resource limits.
enum class Tier { kFull, kLandlock };
const char* to_string(Tier tier);

// Limits that no facility of the kernel may be there to enforce (no cgroup), so that they can only
// be watched, ten times a second. A burst between two looks passes them.
struct Watched {
  bool memory = false;
  bool cpu_time = false;

  bool operator==(const Watched&) const = default;
};

enum class WorkspaceAccess { kReadOnly, kReadWrite };
enum class ToolchainSearch { kOff, kAuto };
enum class CacheMode { kOff, kWorkspace };
enum class NetworkMode { kNone };

// An operator's wishes, before they meet a host, a user and a workspace. A plain value.
struct Profile {
  std::string name;
  std::string description;
  std::vector<std::string> read;  // host paths that are visible read-only; absent ones are left out
  WorkspaceAccess workspace = WorkspaceAccess::kReadWrite;
  ToolchainSearch toolchains = ToolchainSearch::kAuto;
  CacheMode cache = CacheMode::kWorkspace;
  NetworkMode network = NetworkMode::kNone;
  Limits limits;
  Watched accepts_watched{true, true};
  Tier weakest_tier = Tier::kFull;  // what is accepted where the host cannot make more
  bool tracing = true;              // of the program's own descendants: gdb, strace
  std::vector<std::pair<std::string, std::string>> environment;

  bool operator==(const Profile&) const = default;
};

// The names of the profiles that ship, the default one first.
std::vector<std::string> shipped_profiles();

// E1002 with the nearest name if there is no such profile.
Result<Profile> find_profile(const std::string& name);

}  // namespace mayfly::sandbox
