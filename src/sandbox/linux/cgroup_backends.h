#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/linux/cgroup.h"
#include "sandbox/linux/cgroup_text.h"

namespace mayfly::sandbox {

// What this process is in, and where it is mounted.
struct CgroupView {
  std::vector<Membership> memberships;
  std::vector<CgroupMount> mounts;
};
CgroupView view_cgroups();

// This process and those of its descendants that are in `group` as it is: ours to move. A
// descendant elsewhere was put there by somebody.
std::vector<pid_t> own_family(const std::string& group);

// Makes our subtree in the v2 group `group`, which becomes a passage: this process and its
// descendants move into a group below it. The error says what is in the way and how to remove it.
Result<std::unique_ptr<Cgroups>> open_v2(const std::string& group);

// The same in the hierarchies that `view` has of v1.
Result<std::unique_ptr<Cgroups>> open_v1(const CgroupView& view);

// Does what a limit is for with an empty group, and reads it back.
bool holds(const std::string& group, const std::string& file, const std::string& value,
           const std::string& read_back);

}  // namespace mayfly::sandbox
