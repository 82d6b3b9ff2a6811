#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox {

// A path of the host, as it was at one moment.
struct KnownPath {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;  // 0: it was absent
};

// What the sandboxes of a policy may write of the host, looked at when the first of them is made.
struct WritableAreas {
  // What is mounted by itself although it can be replaced between two calls: the paths of all rules
  // that let write, and of those about a part of a workspace.
  std::vector<KnownPath> paths;
  // The directories among them that are writable. Caches are not: no program of the host runs them.
  std::vector<std::string> directories;
  // Where programs of the host look for code: each workspace that is writable in any part, and the
  // other writable directories.
  std::vector<Workspace> guarded;
};

// E1003 if one is gone or its path leads over a symbolic link, which a sandbox may have made.
Result<WritableAreas> find_writable_areas(const Policy& policy);
// Whether the paths still are what they were.
bool is_current(const WritableAreas& areas);

// What is read-only in `areas` for every sandbox of `policy`: a directory and a path below it.
// Those of workspaces that Policy::protected_directories names are not among them.
Result<std::vector<std::pair<std::string, std::string>>> protections_of(const Policy& policy,
                                                                        const WritableAreas& areas);

}  // namespace mayfly::sandbox
