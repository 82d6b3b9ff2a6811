#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "mcp/exchange.h"
#include "mcp/resource_updates.h"
#include "mcp/sink.h"

// resources/subscribe: a client names resources one by one, and is told on its connection for as
// long as that lasts.
namespace mayfly::mcp::legacy {

// What one connection is subscribed to. Thread-safe.
class Subscriptions : public ResourceUpdates::Watcher,
                      public std::enable_shared_from_this<Subscriptions> {
 public:
  static constexpr std::size_t kMost = 64;

  // Where notifications go that belong to no request: on stdio the pipe, on HTTP the stream that
  // the client opened for them. Null, as at first: nowhere.
  void send_through(std::shared_ptr<MessageSink> sink);
  // False: there are too many. To subscribe once more changes nothing.
  bool add(ResourceUpdates& updates, const std::string& principal, const std::string& uri);
  // When this returns, nothing more is sent about `uri`.
  void remove(const std::string& uri);
  void clear();

  void resource_changed(const std::string& uri) override;

 private:
  std::mutex mutex_;
  std::shared_ptr<MessageSink> sink_;
  std::map<std::string, ResourceUpdates::Watch> watches_;
};

Outcome subscribe(Exchange& exchange);
Outcome unsubscribe(Exchange& exchange);

}  // namespace mayfly::mcp::legacy
