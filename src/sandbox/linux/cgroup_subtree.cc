#include "sandbox/linux/cgroup_subtree.h"

#include <signal.h>
#include <unistd.h>

namespace mayfly::sandbox {
namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool dissolve_v1(const Subtree& subtree, TimePoint deadline) {
  bool gone = true;
  for (const LockedGroup& group : subtree.groups) gone = remove_group(group.path, deadline) && gone;
  return gone;
}

bool dissolve_v2(const Subtree& subtree, Server server, TimePoint deadline) {
  const std::string& ours = subtree.groups.front().path;
  const std::string parent = parent_of(ours);
  const std::string leaf = ours + "/" + kServerLeaf;
  bool gone = true;
  for (const std::string& name : groups_below(ours)) {
    if (name != kServerLeaf) gone = remove_group(ours + "/" + name, deadline) && gone;
  }
  if (!gone) return false;
  if (server == Server::kDead) {
    for (const pid_t pid : processes_in(leaf)) {
      if (pid != ::getpid()) ::kill(pid, SIGKILL);
    }
  }
  // A group takes processes back once it passes nothing on.
  for (const char* controller : {"-memory", "-pids", "-cpu", "-io"}) {
    (void)write_group_file(ours, "cgroup.subtree_control", controller);
  }
  for (const std::string& controller : subtree.enabled) {
    (void)write_group_file(parent, "cgroup.subtree_control", "-" + controller);
  }
  for (const pid_t pid : processes_in(leaf)) (void)move_into(parent, pid);
  // Not remove_group: nothing that is still there may be killed.
  ::rmdir(leaf.c_str());
  ::rmdir(ours.c_str());
  return !exists(ours);
}

}  // namespace

std::string own_prefix() { return kGroupPrefix + std::to_string(::getpid()) + "-"; }

bool is_own_name(std::string_view name) {
  constexpr std::size_t kRandomDigits = 16;
  if (!name.starts_with(kGroupPrefix)) return false;
  name.remove_prefix(std::string_view(kGroupPrefix).size());
  const std::size_t pid = name.find_first_not_of("0123456789");
  if (pid == 0 || pid == std::string_view::npos || name[pid] != '-') return false;
  name.remove_prefix(pid + 1);
  return name.size() == kRandomDigits &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string parent_of(const std::string& group) {
  const std::size_t slash = group.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : group.substr(0, slash);
}

bool is_real_root(const std::string& group) { return !has_group_file(group, "cgroup.type"); }

bool dissolve(const Subtree& subtree, Server server, TimePoint deadline) {
  if (subtree.groups.empty()) return true;
  if (subtree.version == CgroupVersion::kV2 && !exists(subtree.groups.front().path)) return true;
  return subtree.version == CgroupVersion::kV2 ? dissolve_v2(subtree, server, deadline)
                                               : dissolve_v1(subtree, deadline);
}

}  // namespace mayfly::sandbox
