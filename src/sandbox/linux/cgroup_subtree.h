#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sandbox/linux/cgroup.h"
#include "sandbox/linux/cgroup_files.h"

// One server's groups as they lie in the file system:
//
//   v2  <group>/mayfly-<id>/server      the server, its zygotes, its keeper
//                          /call-<n>    the processes of one call
//   v1  <group>/mayfly-<id>/call-<n>    the same in the hierarchy of each controller; the server
//   and
//                                       its zygotes stay where they are
//
// <group> is where the server was started, or a scope that systemd made. v2 allows processes only
// in groups that pass no controllers on, hence `server`.
namespace mayfly::sandbox {

inline constexpr const char* kGroupPrefix = "mayfly-";
inline constexpr const char* kServerLeaf = "server";
inline constexpr const char* kCallPrefix = "call-";

struct Subtree {
  CgroupVersion version = CgroupVersion::kNone;
  std::vector<LockedGroup> groups;   // mayfly-<id>; v2: one, v1: one for each hierarchy
  std::vector<std::string> enabled;  // v2: the controllers that we switched on in <group>
};

// What the names of this server's groups begin with; the pid is for people.
std::string own_prefix();
// Whether a server may have given this name: "mayfly-<pid>-<16 hexadecimal digits>". Others may
// well begin in the same way ("mayfly-agent.service").
bool is_own_name(std::string_view name);
std::string parent_of(const std::string& group);

// Only the root of all groups, not of a container's, may have processes and pass controllers on.
bool is_real_root(const std::string& group);

enum class Server { kAlive, kDead };
// Kills all calls and removes the groups. On v2 the server leaf's processes go back to <group>, if
// the server is dead all but this process are killed. Whether everything is gone by `deadline`.
bool dissolve(const Subtree& subtree, Server server, TimePoint deadline);

}  // namespace mayfly::sandbox
