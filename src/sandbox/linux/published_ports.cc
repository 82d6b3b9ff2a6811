#include "sandbox/linux/published_ports.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace mayfly::sandbox {
namespace {

bool is_alive(const OwnedFd& pidfd) {
  struct pollfd ended {
    pidfd.get(), POLLIN, 0
  };
  return ::poll(&ended, 1, 0) == 0;
}

struct Candidate {
  std::uint64_t call = 0;
  std::shared_ptr<const PublishedPorts::Publisher> publisher;
  std::vector<std::uint16_t> ports;  // that it may have
};

}  // namespace

void PublishedPorts::add(std::uint64_t call, Publisher publisher) {
  const std::lock_guard lock(mutex_);
  publishers_[call] = std::make_shared<const Publisher>(std::move(publisher));
}

void PublishedPorts::remove(std::uint64_t call) {
  const std::lock_guard lock(mutex_);
  publishers_.erase(call);
}

// Its init gives the port back when the call behind it ends.
bool PublishedPorts::relays(const Publisher& publisher, std::uint16_t port) const {
  const auto found = publisher.relayed.find(port);
  return found != publisher.relayed.end() && publishers_.contains(found->second.call);
}

RelayedPorts PublishedPorts::reachable(const std::string& caller,
                                       const std::vector<std::uint16_t>& ports) const {
  std::vector<Candidate> candidates;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = publishers_.rbegin(); at != publishers_.rend(); ++at) {
      const Publisher& publisher = *at->second;
      if (publisher.caller != caller) continue;
      Candidate candidate{at->first, at->second, {}};
      for (const std::uint16_t port : ports) {
        const bool publishes = std::find(publisher.ports.begin(), publisher.ports.end(), port) !=
                               publisher.ports.end();
        if (publishes && !relays(publisher, port)) candidate.ports.push_back(port);
      }
      if (!candidate.ports.empty()) candidates.push_back(std::move(candidate));
    }
  }
  RelayedPorts out;
  for (const Candidate& each : candidates) {
    if (out.size() == ports.size()) break;
    const ListeningPorts listening = listening_ports(each.publisher->init);
    // Read first: a number of a process that is still there was never another's.
    if (!is_alive(each.publisher->pidfd)) continue;
    for (const std::uint16_t port : each.ports) {
      const auto family = listening.family_of(port);
      if (family.has_value()) out.emplace(port, PublishedPort{each.call, *family});
    }
  }
  return out;
}

}  // namespace mayfly::sandbox
