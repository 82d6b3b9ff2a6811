#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.h"
#include "sandbox/linux/listening_ports.h"

namespace mayfly::sandbox {

// A port of a running call that another one reaches.
struct PublishedPort {
  std::uint64_t call = 0;  // that listens
  Family family = Family::kIpv4;
};
using RelayedPorts = std::map<std::uint16_t, PublishedPort>;

// The running calls that publish ports (network.publish). Thread-safe: the engine's loop keeps it
// up to date, the threads that launch calls ask it.
class PublishedPorts {
 public:
  struct Publisher {
    std::string caller;
    std::vector<std::uint16_t> ports;
    RelayedPorts relayed;  // on which its own init listens, for the relay
    pid_t init = 0;        // as the host numbers it
    OwnedFd pidfd;         // of init
  };
  // `call` runs from now on, until `remove`.
  void add(std::uint64_t call, Publisher publisher);
  void remove(std::uint64_t call);

  // Who listens on each of `ports` now, of the calls of `caller` that publish it: the one that was
  // accepted last. Nobody is asked; the kernel's tables say it. What a call only relays is not its
  // own.
  RelayedPorts reachable(const std::string& caller, const std::vector<std::uint16_t>& ports) const;

 private:
  bool relays(const Publisher& publisher, std::uint16_t port) const;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<const Publisher>> publishers_;
};

}  // namespace mayfly::sandbox
