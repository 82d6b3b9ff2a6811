#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sandbox/host_user.h"

namespace mayfly::sandbox {

// A directory of the host that calls work in. It is visible inside at the same path.
//
//   auto workspace = TRY(open_workspace(default_workspace(environment), host_user(getuid())));
//
// `device` and `inode` say which directory was judged: whoever mounts `path` later compares them,
// since the name may have come to mean another directory.
struct Workspace {
  std::string path;  // absolute, without symbolic links, "." or ".."
  dev_t device = 0;
  ino_t inode = 0;
  uid_t owner_uid = 0;
  gid_t owner_gid = 0;

  bool operator==(const Workspace&) const = default;
};

// Resolves `path` (relative to the current directory) and judges it.
// E1003 when it is missing or no directory. E1004 when a sandbox must never write there: the root,
// a home directory or anything above one, a dot directory directly below a home (~/.ssh,
// ~/.config), a system directory, /tmp itself, and whatever is inside or above Mayfly's
// configuration or cache.
Result<Workspace> open_workspace(const std::string& path, const HostUser& user);

// Whether a sandbox may be let write to `path`, absolute and real: what may be a workspace, and
// files directly in such a directory. E1004.
Status judge_writable(const std::string& path, const HostUser& user);

// Where to work when nobody said: CLAUDE_PROJECT_DIR, else the current directory.
Result<std::string> default_workspace(
    const std::vector<std::pair<std::string, std::string>>& environment);

// Whether `path` is `directory` or lies below it. Both absolute and normal.
bool is_within(const std::string& path, const std::string& directory);

}  // namespace mayfly::sandbox
