#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox {

// Where calls keep what is not kept, if they cannot have a tmpfs: a directory of the host's for
// each, with `tmp` and `home` in it, owned by the sandbox's user and closed to all others.
//
// A server's lie in a directory that it holds locked; whoever opens the place next removes those
// whose lock is free, so that a killed server leaves nothing for longer than that.
class PrivateDirectories {
 public:
  // Below `state_root`; a server that is root uses /var/lib/mayfly, since its sandboxes' users
  // cannot enter its home.
  static Result<PrivateDirectories> open(const std::string& state_root);
  PrivateDirectories(PrivateDirectories&&) = default;
  PrivateDirectories& operator=(PrivateDirectories&&) = default;
  ~PrivateDirectories();

  // Makes one for the call `id`; `remove` takes it away with all that is in it.
  Result<std::string> make(const std::string& id, const Policy& policy) const;
  void remove(const std::string& id) const;

 private:
  PrivateDirectories() = default;

  std::string place_;  // of all servers
  std::string name_;   // this server's, in it
  OwnedFd parent_;     // place_
  OwnedFd own_;        // place_/name_, locked
};

}  // namespace mayfly::sandbox
