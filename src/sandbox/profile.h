#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sandbox/limits.h"
#include "sandbox/network_rules.h"
#include "sandbox/observation.h"
#include "sandbox/syscall_policy.h"
#include "settings/location.h"

// A profile: an operator's wishes, before they meet a host, a user and a workspace.
//
//   text ──parse──> Profile of one file ──merge along `extends`──> Profile ──resolve──> Policy
//
// One type for both Profiles: what a file does not say is absent, and the merged one has what any
// of its files said. Every value knows where it stands.
namespace mayfly::sandbox {

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
enum class CacheMode { kOff, kWorkspace };

// All that are found on the operator's PATH and behind the workspace's links, none, or those named.
struct ToolchainChoice {
  enum class Search { kOff, kAuto, kOnly };
  Search search = Search::kOff;
  std::vector<std::string> only;

  bool operator==(const ToolchainChoice&) const = default;
};

template <typename T>
using Setting = std::optional<settings::Located<T>>;
template <typename T>
using List = std::vector<settings::Located<T>>;

// What a path rule gives or takes. Paths may start with a variable (${workspace}, ${home}, ${tmp})
// and be patterns (path_rules.h). Of kRead and kWrite the most specific path holds, and of two
// rules about one path the later file's; kDeny wins over everything, kHide over less specific ones.
enum class PathAccess { kRead, kWrite, kHide, kDeny };
const char* to_string(PathAccess access);  // the key: "read", "write", "hide", "deny"

struct PathRule {
  PathAccess access = PathAccess::kRead;
  std::string path;

  bool operator==(const PathRule&) const = default;
};

struct PrivateDirectory {
  std::string path;
  std::uint64_t bytes = 0;

  bool operator==(const PrivateDirectory&) const = default;
};

// A host path that is seen at another place.
struct Bind {
  std::string source;
  std::string destination;
  bool writable = false;

  bool operator==(const Bind&) const = default;
};

// So many bytes, or a share of the machine's memory, but at least 2 GiB.
struct MemoryLimit {
  std::uint64_t bytes = 0;  // 0: the share
  std::uint64_t machine_percent = 50;

  bool operator==(const MemoryLimit&) const = default;
};

struct LimitSettings {
  Setting<milliseconds> wall;
  Setting<milliseconds> job_wall;
  Setting<milliseconds> cpu;  // 0: no limit, written "none"
  Setting<std::uint64_t> cpu_percent;
  Setting<MemoryLimit> memory;
  Setting<std::uint64_t> processes;
  Setting<std::uint64_t> open_files;
  Setting<std::uint64_t> file_bytes;
  Setting<std::uint64_t> disk_bytes;
  Setting<std::uint64_t> io_bytes_per_second;
  Setting<std::uint64_t> tmp_bytes;
  Setting<std::uint64_t> shm_bytes;
  Setting<std::uint64_t> output_bytes;

  bool operator==(const LimitSettings&) const = default;
};

struct Profile {
  std::string name;
  settings::Location at;  // the file
  Setting<std::string> description;
  List<std::string> extends;
  // The files that were merged, the first one first; each later one has the say over those before.
  std::vector<settings::Located<std::string>> layers;

  // [filesystem]
  Setting<WorkspaceAccess> workspace;
  List<PathRule> paths;
  List<PrivateDirectory> tmpfs;
  List<Bind> binds;
  Setting<ToolchainChoice> toolchains;
  Setting<CacheMode> cache;
  List<std::string> protect;           // more paths of a workspace that run code on the host
  List<std::string> danger_unprotect;  // of the built-in ones

  // [network]
  Setting<NetworkMode> network;
  List<HostRule> network_allow;
  List<HostRule> network_deny;
  List<HostAddress> network_hosts;
  List<std::uint16_t> network_publish;  // ports

  // [syscalls], [capabilities]
  List<SyscallRule> syscalls_allow;
  List<SyscallRule> syscalls_deny;
  List<SyscallRule> syscalls_danger_allow;
  List<std::string> capabilities_danger_keep;

  LimitSettings limits;
  Setting<Watched> watched;  // limits.watched = ["memory", "cpu"]

  // [environment]
  List<std::string> environment_pass;  // names of the operator's own variables, or prefixes "AWS_*"
  List<std::pair<std::string, std::string>> environment_set;
  Setting<std::vector<std::string>> environment_settable;  // what a call may set; absent: anything

  // [identity]
  Setting<std::string> user;
  Setting<std::string> hostname;

  // [host]
  Setting<Tier> tier;
  List<Requirement> requires_;

  // [observe]
  Setting<ObserveLevel> observe;
  List<IgnorePattern> observe_ignore;

  bool operator==(const Profile&) const = default;
};

// The limits with what nobody set as Limits has it.
Limits limits_of(const Profile& profile);
Watched watched_of(const Profile& profile);
Tier tier_of(const Profile& profile);
WorkspaceAccess workspace_of(const Profile& profile);
// Whether `pattern`, a name or a prefix followed by "*", names the variable.
bool names_variable(std::string_view pattern, std::string_view name);

}  // namespace mayfly::sandbox
