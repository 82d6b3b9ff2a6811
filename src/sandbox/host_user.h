#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace mayfly::sandbox {

// A user of the host. `home` is absolute, or empty for a user that has none.
struct HostUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::string home;

  bool operator==(const HostUser&) const = default;
};

// From the user database; for the caller's own uid $HOME wins, as it does in every shell. A uid
// that the database does not know is named by its number.
HostUser host_user(uid_t uid);

// Where this server may keep what outlives it: $XDG_STATE_HOME/mayfly, else ~/.local/state/mayfly.
// Empty for a user without a home that can be written to.
std::string state_root(const HostUser& user);
// The same for what can be made again: $XDG_CACHE_HOME/mayfly, else ~/.cache/mayfly.
std::string cache_root(const HostUser& user);

}  // namespace mayfly::sandbox
