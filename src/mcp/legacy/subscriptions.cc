#include "mcp/legacy/subscriptions.h"

#include <utility>

#include "mcp/legacy/wire.h"
#include "mcp/resource_methods.h"
#include "mcp/server.h"
#include "mcp/session.h"

namespace mayfly::mcp::legacy {

void Subscriptions::send_through(std::shared_ptr<MessageSink> sink) {
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
}

bool Subscriptions::add(ResourceUpdates& updates, const std::string& principal,
                        const std::string& uri) {
  const std::lock_guard lock(mutex_);
  if (watches_.contains(uri)) return true;
  if (watches_.size() >= kMost) return false;
  auto watch = updates.watch(principal, uri, weak_from_this());
  if (!watch) return false;
  watches_.emplace(uri, *std::move(watch));
  return true;
}

void Subscriptions::remove(const std::string& uri) {
  const std::lock_guard lock(mutex_);
  watches_.erase(uri);
}

void Subscriptions::clear() {
  const std::lock_guard lock(mutex_);
  watches_.clear();
}

void Subscriptions::resource_changed(const std::string& uri) {
  const std::lock_guard lock(mutex_);
  if (!sink_ || !watches_.contains(uri)) return;
  Outgoing message = notification_message("notifications/resources/updated", {{"uri", uri}});
  message.once = uri;
  sink_->send(std::move(message));
}

Outcome subscribe(Exchange& exchange) {
  const auto& resources = exchange.server.options().resources;
  if (!resources.updates()) return no_subscriptions(exchange.request.method);
  const LegacyWire wire(exchange.session.revision().value_or(kLatest));
  const auto uri = uri_argument(exchange.request.params);
  if (!uri) return uri.error();
  const std::string& principal = exchange.session.principal();
  if (auto known = resources.check(*uri, principal); !known) {
    return resource_error(known.error(), *uri, wire);
  }
  if (!exchange.session.subscriptions().add(*resources.updates(), principal, *uri)) {
    return resource_error(too_many_subscriptions(Subscriptions::kMost), *uri, wire);
  }
  return Json::object();
}

// To end what never was is as good as to end it twice.
Outcome unsubscribe(Exchange& exchange) {
  if (!exchange.server.options().resources.updates()) {
    return no_subscriptions(exchange.request.method);
  }
  const auto uri = uri_argument(exchange.request.params);
  if (!uri) return uri.error();
  exchange.session.subscriptions().remove(*uri);
  return Json::object();
}

}  // namespace mayfly::mcp::legacy
