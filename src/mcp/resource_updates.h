#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::mcp {

// Where those who know that a resource has changed meet those who asked to be told. It carries no
// content: whoever is told reads again, with its own principal. Thread-safe.
//
//   auto watch = updates->watch("local", "note://a", watcher);   // a session, for its client
//   updates->changed("local", "note://a");                       // a provider, from any thread
class ResourceUpdates : public std::enable_shared_from_this<ResourceUpdates> {
 public:
  // Told in the thread that calls `changed`, so it must not wait for anything.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void resource_changed(const std::string& uri) = 0;
  };

  // Ends when it is destroyed; a change that happens at the same moment may still be told.
  class Watch {
   public:
    Watch(std::shared_ptr<ResourceUpdates> updates, std::pair<std::string, std::string> key,
          std::uint64_t id)
        : updates_(std::move(updates)), key_(std::move(key)), id_(id) {}
    Watch(Watch&&) noexcept = default;
    Watch& operator=(Watch&&) = delete;
    ~Watch() {
      if (updates_) updates_->forget(key_, id_);
    }

   private:
    std::shared_ptr<ResourceUpdates> updates_;
    std::pair<std::string, std::string> key_;
    std::uint64_t id_;
  };

  static constexpr std::size_t kMostOfOne = 256;  // watches of one principal
  static constexpr std::size_t kMost = 4096;

  // Only changes for `principal` are told. Empty: there are too many watches already.
  std::optional<Watch> watch(const std::string& principal, const std::string& uri,
                             std::weak_ptr<Watcher> watcher);
  // Costs next to nothing while nobody watches anything.
  void changed(const std::string& principal, const std::string& uri);
  std::size_t watches() const { return watches_.load(); }

 private:
  using Key = std::pair<std::string, std::string>;  // principal, URI
  void forget(const Key& key, std::uint64_t id);

  std::mutex mutex_;
  std::map<Key, std::map<std::uint64_t, std::weak_ptr<Watcher>>> watchers_;
  std::map<std::string, std::size_t> of_principal_;
  std::uint64_t last_id_ = 0;
  std::atomic<std::size_t> watches_{0};
};

}  // namespace mayfly::mcp
