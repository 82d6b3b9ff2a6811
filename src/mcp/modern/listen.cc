#include "mcp/modern/listen.h"

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "mcp/era.h"
#include "mcp/in_flight.h"
#include "mcp/modern/wire.h"
#include "mcp/resource_methods.h"
#include "mcp/resource_updates.h"
#include "mcp/server.h"
#include "mcp/session.h"

namespace mayfly::mcp::modern {
namespace {

using Uris = std::set<std::string>;

// One subscription. Thread-safe. `mutex_` is held while something is sent, so that the
// acknowledgement is first and nothing comes after withdraw() has returned.
class Listen : public InFlight,
               public ResourceUpdates::Watcher,
               public std::enable_shared_from_this<Listen> {
 public:
  Listen(const Exchange& exchange, std::shared_ptr<CallSlots> slots)
      : id_(exchange.request.id),
        principal_(exchange.session.principal()),
        wire_(exchange.server.modern_wire()),
        sink_(exchange.sink),
        table_(exchange.session.in_flight()),
        slots_(std::move(slots)) {}
  ~Listen() override { slots_->give_back(); }

  // Acknowledges `uris`, all of which are watched from then on. False: there are too many watches,
  // and nothing was sent.
  bool begin(ResourceUpdates& updates, const Uris& uris) {
    const std::lock_guard lock(mutex_);
    if (over_) return true;
    for (const std::string& uri : uris) {
      auto watch = updates.watch(principal_, uri, weak_from_this());
      if (!watch) {
        watches_.clear();
        return false;
      }
      watches_.emplace(uri, *std::move(watch));
    }
    Json honoured = Json::object();
    if (!uris.empty()) honoured["resourceSubscriptions"] = uris;
    send("notifications/subscriptions/acknowledged", {{"notifications", std::move(honoured)}}, "");
    return true;
  }

  void resource_changed(const std::string& uri) override {
    const std::lock_guard lock(mutex_);
    if (!over_ && watches_.contains(uri))
      send("notifications/resources/updated", {{"uri", uri}}, uri);
  }

  void withdraw() override {
    const std::lock_guard lock(mutex_);
    if (!end()) return;
    sink_->nothing_more();
  }

  void server_ends() override {
    const std::lock_guard lock(mutex_);
    if (!end()) return;
    table_->remove(id_, this);
    const auto& wire = static_cast<const ModernWire&>(*wire_);
    sink_->send(result_message(id_, wire.complete(Json::object(), tag())));
  }

  // Ends it with an error that the caller returns.
  void refuse() {
    const std::lock_guard lock(mutex_);
    if (end()) table_->remove(id_, this);
  }

 private:
  // With mutex_. False: it was over already.
  bool end() {
    watches_.clear();
    return !std::exchange(over_, true);
  }

  Json tag() const { return {{std::string(meta_key::kSubscriptionId), id_.to_json()}}; }

  // While a message with the same `about` waits to be read, another is not queued. What is sent is
  // never dropped otherwise: the client would wait for it.
  void send(const char* method, Json params, const std::string& about) {
    params["_meta"] = tag();
    Outgoing message = notification_message(method, params);
    message.once = id_.to_json().dump() + " " + about;
    sink_->send(std::move(message));
  }

  const RequestId id_;
  const std::string principal_;
  const std::shared_ptr<const Wire> wire_;
  const std::shared_ptr<MessageSink> sink_;
  const std::shared_ptr<InFlightTable> table_;
  const std::shared_ptr<CallSlots> slots_;
  std::mutex mutex_;
  bool over_ = false;
  std::map<std::string, ResourceUpdates::Watch> watches_;
};

RpcError bad_filter(std::string_view field, std::string_view message) {
  return rpc_error(rpc::kInvalidParams,
                   input_error(ErrorCode::kInvalidArgument, field, "", message,
                               "give notifications: {resourceSubscriptions: [URI, …]}"));
}

// What is asked for and can be told. A resource that is not there is left out, which the
// acknowledgement shows.
tl::expected<Uris, RpcError> honoured_uris(const Exchange& exchange) {
  const Json* filter = member(exchange.request.params, "notifications");
  if (filter == nullptr || !filter->is_object()) {
    return tl::unexpected(bad_filter("notifications", "\"notifications\" must be an object"));
  }
  Uris honoured;
  const Json* uris = member(*filter, "resourceSubscriptions");
  if (uris == nullptr) return honoured;
  if (!uris->is_array() || uris->size() > kMostUris) {
    return tl::unexpected(
        bad_filter("resourceSubscriptions",
                   "must be an array of at most " + std::to_string(kMostUris) + " strings"));
  }
  const ResourceRegistry& resources = exchange.server.options().resources;
  for (const Json& each : *uris) {
    const auto uri = uri_value(&each);
    if (!uri) return tl::unexpected(uri.error());
    if (resources.check(*uri, exchange.session.principal())) honoured.insert(*uri);
  }
  return honoured;
}

}  // namespace

Outcome listen(Exchange& exchange) {
  const auto& updates = exchange.server.options().resources.updates();
  if (!updates) return no_subscriptions(exchange.request.method);
  const auto uris = honoured_uris(exchange);
  if (!uris) return uris.error();
  const auto& slots = exchange.session.listens();
  const auto refused = [](std::size_t most) {
    return rpc_error(rpc::kInternalError, too_many_subscriptions(most));
  };
  if (!slots->take()) return refused(slots->limit());
  const auto opened = std::make_shared<Listen>(exchange, slots);
  if (!exchange.session.in_flight()->add(exchange.request.id, opened)) {
    return RpcError{rpc::kInvalidRequest, "a request with this id is still being worked on", {}};
  }
  if (!opened->begin(*updates, *uris)) {
    opened->refuse();
    return refused(ResourceUpdates::kMostOfOne);
  }
  // An empty stream would be held open for nothing, for ever.
  if (uris->empty()) opened->server_ends();
  return Deferred{};
}

}  // namespace mayfly::mcp::modern
