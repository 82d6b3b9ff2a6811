#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/host_user.h"

// The caches of build tools, kept from call to call for one workspace and one profile. They are
// Mayfly's own, never the user's: what a sandbox puts there reaches no other workspace, no other
// profile and no program of the host.
//
//   ROOT/sets/NAME-HASH-PROFILE/stamp     locked while in use; its time says when that was last
//                              /DIRECTORY one for each of CacheSet::directories
//   ROOT/trash                            being removed
//
// ROOT down to the sets belongs to the server's user and is closed to others. The directories
// belong to the sandbox's host uid; their content is hostile.
namespace mayfly::sandbox {

inline constexpr std::uint64_t kDefaultCacheBytes = 10ULL << 30;

struct CacheLocation {
  std::string root;
  std::string workspace;  // canonical path
  std::string profile;
  uid_t owner_uid = 0;  // who the sandbox is on the host
  gid_t owner_gid = 0;
};

struct CacheDirectory {
  std::string host;    // absolute
  std::string inside;  // relative to the home directory, as ".cargo/registry"

  bool operator==(const CacheDirectory&) const = default;
};

// In use until destroyed: no server removes it meanwhile.
struct CacheSet {
  std::string path;
  std::vector<CacheDirectory> directories;
  OwnedFd lock;
};

// Where the directories of every set are, relative to the home directory.
std::vector<std::string> cached_directories();

// Creates what is missing and marks the set as used now. E2001 if a component is a symbolic link,
// no directory, or somebody else's.
Result<CacheSet> open_cache(const CacheLocation& location);

struct CacheReport {
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::vector<std::string> removed;  // names of sets
  std::vector<std::string> in_use;   // kept for that reason
  std::vector<std::string> failed;   // could not be removed, with the reason
};

// Removes least recently used sets until the rest is at most `max_bytes`. Reads the whole cache:
// for a background thread, not for a call. A missing root is an empty cache.
Result<CacheReport> trim_cache(const std::string& root, std::uint64_t max_bytes);
// Removes every set that is not in use.
Result<CacheReport> clear_cache(const std::string& root);

}  // namespace mayfly::sandbox
