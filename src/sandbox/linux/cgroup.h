#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/report.h"

namespace mayfly::sandbox {

enum class CgroupVersion { kNone, kV1, kV2 };
const char* to_string(CgroupVersion version);  // "none", "cgroup v1", "cgroup v2"

// What this server may do with control groups, found by doing it: a group was made, limited and
// removed. Everything false and `why_not` set where it may do nothing.
struct CgroupAbilities {
  CgroupVersion version = CgroupVersion::kNone;
  bool memory = false;
  bool processes = false;
  bool cpu = false;  // share and time
  bool io = false;
  bool pressure = false;
  std::string where;    // the directory that our groups are below, for people
  std::string why_not;  // of what is missing
  std::string remedy;
};

struct CgroupLimits {
  std::uint64_t memory_bytes = 0;  // 0 anywhere: no limit
  std::uint64_t processes = 0;
  std::uint64_t cpu_percent = 0;
  std::uint64_t io_bytes_per_second = 0;
  std::vector<dev_t> io_devices;  // to which that applies

  bool operator==(const CgroupLimits&) const = default;
};

// What a group has used. Absent: this host does not tell.
struct CgroupUsage {
  std::optional<std::uint64_t> peak_memory_bytes;
  std::optional<std::uint64_t> peak_processes;
  std::optional<microseconds> user;
  std::optional<microseconds> system;
  std::optional<std::uint64_t> bytes_read;
  std::optional<std::uint64_t> bytes_written;
  std::optional<Pressure> pressure;
  std::uint64_t memory_kills = 0;    // processes that the kernel killed because of this limit
  std::uint64_t refused_memory = 0;  // times that nothing could be freed for somebody; v2
  std::uint64_t refused_forks = 0;   // because of `processes`
};

// What happened since the last time it was asked.
struct CgroupEvents {
  // v2: processes were killed, and with them the whole group. v1: memory ran out; the kernel is
  // about to kill one process, which `usage` may not show yet.
  bool out_of_memory = false;
  bool refused_fork = false;
};

// The control groups of one call: one directory on v2, one for each controller on v1. Not
// thread-safe; hand it over whole. The destructor kills what is in it and removes it; what cannot
// be removed because a process does not die is left to the keeper (cgroup_keeper.h).
class CallCgroup {
 public:
  virtual ~CallCgroup() = default;
  // The processes' group is limited from now on. Memory: the whole group dies at once where the
  // kernel can do that (v2); elsewhere `events` tells. No swap.
  virtual Status set_limits(const CgroupLimits& limits) = 0;
  // v2: a directory for CLONE_INTO_CGROUP. Invalid on v1.
  virtual int directory() const = 0;
  // v1: moves `pid` into all its groups. Takes some 10 ms when the last move is long ago.
  virtual Status attach(pid_t pid) = 0;
  // For EPOLLIN: readable when memory ran out or a fork was refused; then `take_events` says which,
  // and makes it unreadable again. v1 says nothing of forks from Linux 6.11 on; `take_events` and
  // `usage` do when they are asked.
  virtual int event_fd() const = 0;
  virtual CgroupEvents take_events() = 0;
  virtual CgroupUsage usage() const = 0;
  virtual microseconds cpu_time() const = 0;
  virtual void kill() = 0;
  virtual std::vector<pid_t> processes() const = 0;
};

// This server's own subtree of the control groups. Thread-safe. The destructor removes it; by then
// no CallCgroup may be left.
class Cgroups {
 public:
  virtual ~Cgroups() = default;
  virtual const CgroupAbilities& abilities() const = 0;
  // A new, empty group without limits. `owner`: the host uid whose processes will enter it.
  virtual Result<std::unique_ptr<CallCgroup>> make(uid_t owner, gid_t group) = 0;
  // v2: where a zygote has to be to clone into a call's group. Does nothing on v1.
  virtual Status adopt_zygote(pid_t zygote, uid_t owner, gid_t group) = 0;
};

// Finds out what this host allows and makes our subtree. Never fails: without control groups it is
// one whose abilities say so. Removes what dead servers left. May move this process, with all its
// descendants, into a group of its own (v2), and may ask systemd for a delegated scope, which takes
// some milliseconds.
std::unique_ptr<Cgroups> open_cgroups();

// The disk whose bandwidth can be limited for what is on the file system `device`; nothing if there
// is none (tmpfs, overlayfs, NFS). The kernel takes whole disks, not partitions.
std::optional<dev_t> disk_of(dev_t device);

}  // namespace mayfly::sandbox
