#include "sandbox/linux/cgroup_sweep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/sys.h"
#include "sandbox/linux/cgroup_subtree.h"

namespace mayfly::sandbox {

std::vector<std::string> sweep(const std::string& parent) {
  constexpr milliseconds kPatience(200);
  std::vector<std::string> left;
  for (const std::string& name : groups_below(parent)) {
    if (!is_own_name(name)) continue;
    const std::string group = parent + "/" + name;
    const auto opened = sys::open(group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) continue;
    const auto info = sys::fstat(opened->get());
    if (!info || info->st_uid != ::geteuid()) continue;
    if (::flock(opened->get(), LOCK_EX | LOCK_NB) < 0) continue;
    if (!remove_group(group, Clock::now() + kPatience)) left.push_back(group);
  }
  return left;
}

}  // namespace mayfly::sandbox
