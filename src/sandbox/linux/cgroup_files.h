#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

// The small files and directories of a cgroup file system. A group is named by its absolute path;
// only we and the kernel write there, so a path cannot be turned against us.
namespace mayfly::sandbox {

// Absent if the file is not there or cannot be read.
std::optional<std::string> read_group_file(const std::string& group, const std::string& file);
std::optional<std::uint64_t> read_group_number(const std::string& group, const std::string& file);
Status write_group_file(const std::string& group, const std::string& file, std::string_view text);
bool has_group_file(const std::string& group, const std::string& file);
// From the beginning, of a file that is kept open.
std::string reread(int fd);

std::vector<std::string> groups_below(const std::string& group);
// Of this group alone, not of those below it. 0: a process outside of our pid namespace.
std::vector<pid_t> processes_in(const std::string& group);
// Moves a process with all its threads. One that is gone needs no moving.
Status move_into(const std::string& group, pid_t pid);

// A group that nobody else will take for a dead server's: `lock` is an flock(2) of its directory,
// which lives as long as any process has the descriptor. See cgroup_sweep.h.
struct LockedGroup {
  std::string path;
  OwnedFd lock;
};
// `prefix` and something that no other group has.
Result<LockedGroup> make_locked_group(const std::string& parent, const std::string& prefix);

// Kills what is in the group and below it. Except this process.
void kill_group(const std::string& group);
// Kills and removes the group with all below it, and waits for its processes until `deadline`.
// Whether it is gone.
bool remove_group(const std::string& group, TimePoint deadline);

}  // namespace mayfly::sandbox
