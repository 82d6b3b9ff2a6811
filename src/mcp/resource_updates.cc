#include "mcp/resource_updates.h"

#include <vector>

namespace mayfly::mcp {

std::optional<ResourceUpdates::Watch> ResourceUpdates::watch(const std::string& principal,
                                                             const std::string& uri,
                                                             std::weak_ptr<Watcher> watcher) {
  const std::lock_guard lock(mutex_);
  std::size_t& own = of_principal_[principal];
  if (own >= kMostOfOne || watches_ >= kMost) {
    if (own == 0) of_principal_.erase(principal);
    return std::nullopt;
  }
  ++own;
  ++watches_;
  Key key(principal, uri);
  watchers_[key].emplace(++last_id_, std::move(watcher));
  return Watch(shared_from_this(), std::move(key), last_id_);
}

// Watchers are told without the lock: what they hold may end watches of its own.
void ResourceUpdates::changed(const std::string& principal, const std::string& uri) {
  if (watches_ == 0) return;
  std::vector<std::shared_ptr<Watcher>> told;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watchers_.find(Key(principal, uri));
    if (found == watchers_.end()) return;
    for (const auto& [id, watcher] : found->second) {
      if (auto alive = watcher.lock()) told.push_back(std::move(alive));
    }
  }
  for (const auto& watcher : told) watcher->resource_changed(uri);
}

void ResourceUpdates::forget(const Key& key, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = watchers_.find(key);
  if (found == watchers_.end() || found->second.erase(id) == 0) return;
  if (found->second.empty()) watchers_.erase(found);
  --watches_;
  const auto own = of_principal_.find(key.first);
  if (--own->second == 0) of_principal_.erase(own);
}

}  // namespace mayfly::mcp
