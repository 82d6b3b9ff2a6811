#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sandbox/network_rules.h"
#include "sandbox/observation.h"
#include "sandbox/path_rules.h"
#include "sandbox/profile.h"
#include "sandbox/syscall_policy.h"
#include "sandbox/workspace.h"
#include "settings/location.h"

namespace mayfly::sandbox {

enum class Access { kRead, kWrite };

// Whose files a mount shows. kMapped: files of host uid 0 appear as the sandbox's own, by an
// idmapped mount (Linux 5.12), because the sandbox itself never has host uid 0.
enum class Ownership { kAsOnHost, kMapped };

// One host path that is visible inside. `destination` is absolute and normal. Of nested ones the
// most specific holds; a destination in a workspace is that part of it, read-only or writable.
struct MountRule {
  std::string source;
  std::string destination;
  Access access = Access::kRead;
  Ownership ownership = Ownership::kAsOnHost;
  std::string rule;  // which rule of which profile asked for it, for people and receipts
  settings::Location at{};

  bool operator==(const MountRule&) const = default;
};

// A file that exists only inside, read-only.
struct GeneratedFile {
  std::string path;
  std::string content;

  bool operator==(const GeneratedFile&) const = default;
};

// Who the sandbox is. `host_uid` and `host_gid` are never 0: sysctl and other permission checks of
// the kernel compare with the *global* uid 0 and ignore capabilities.
struct Identity {
  uid_t host_uid = 0;
  gid_t host_gid = 0;
  uid_t inside_uid = 0;
  gid_t inside_gid = 0;
  std::string user;
  std::string home;
  std::string hostname;

  bool operator==(const Identity&) const = default;
};

// Where the build caches of a workspace are kept (cache.h). They are made when the first sandbox
// is.
struct CachePolicy {
  std::string root;
  std::string workspace;
  Ownership ownership = Ownership::kAsOnHost;
  uid_t owner_uid = 0;
  gid_t owner_gid = 0;

  bool operator==(const CachePolicy&) const = default;
};

// What one sandbox may touch and use, resolved for one user and one set of workspaces: a plain
// immutable value. The same policy gives the same digest.
struct Policy {
  std::string profile;
  settings::Location profile_at{};  // the file of that name; in no digest
  Identity identity;
  std::vector<Workspace> workspaces;  // the first is where commands start
  WorkspaceAccess workspace_access = WorkspaceAccess::kReadWrite;
  std::vector<MountRule> mounts;  // parents before children
  std::optional<CachePolicy> cache;
  std::vector<CoverRule> covers;
  std::vector<TmpfsRule> tmpfs;
  std::vector<std::pair<std::string, std::string>> links;  // path, target
  std::vector<GeneratedFile> files;
  std::vector<std::string> protected_directories;  // relative to each workspace, read-only inside
  // More paths of each workspace that programs of the host run, and those of the usual ones that
  // the operator takes out (danger_unprotect).
  std::vector<std::string> protect;
  std::vector<std::string> unprotect;
  std::vector<std::pair<std::string, std::string>> environment;  // complete, sorted by name
  // TERM of a call that has a terminal, unless the call sets it: the profile's, if that says one.
  std::string terminal_type = "xterm-256color";
  // Names that a call may set itself; "*" at the end stands for any rest.
  std::vector<std::string> settable_variables{"*"};
  NetworkPolicy network;
  SyscallPolicy syscalls;
  std::vector<std::string> capabilities;  // "CAP_KILL": kept in the innermost namespace, sorted
  Limits limits;                          // memory_bytes resolved, open_files within the hard limit
  Watched accepts_watched;
  Tier weakest_tier = Tier::kFull;
  std::vector<Requirement> requirements;  // what must be in force whatever else would do, sorted
  Observation observe;

  bool operator==(const Policy&) const = default;
};

// The paths at which a sandbox keeps what is not the host's.
inline constexpr const char* kScratchPath = "/scratch";  // the caller's own, lives with the server

// A stable text of everything in `policy`, for people, digests and comparisons.
std::string to_text(const Policy& policy);
// 64 bits of `to_text` as 16 hexadecimal digits: names a policy, proves nothing.
std::string digest(const Policy& policy);

// The host uid of sandboxes where server and workspace are both root's. Outside of every range that
// a distribution, systemd or subordinate ids hand out (systemd's table of uids ends the containers'
// at 1879048191), so that no other process of the host has it.
inline constexpr uid_t kSpareUid = 1900000000;

// What a policy is resolved against. `environment` is the server's own.
struct Host {
  HostUser user;                        // who runs the server
  std::vector<std::string> workspaces;  // host paths, as given
  std::vector<std::pair<std::string, std::string>> environment;
  std::string cache_root;  // empty: no caches
};

// Resolves `profile` for `host`. Reads the host, creates nothing.
// E1003/E1004 for an unusable workspace; E2002 when user and workspace rule each other out.
Result<Policy> resolve(const Profile& profile, const Host& host);

// Whether the workspaces still are the directories that `policy` was resolved for. A name that
// means another one now is E1003: resolve again to use that.
Status check_workspaces(const Policy& policy);

}  // namespace mayfly::sandbox
