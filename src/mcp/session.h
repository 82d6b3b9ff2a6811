#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "mcp/exchange.h"
#include "mcp/in_flight.h"
#include "mcp/legacy/revision.h"
#include "mcp/legacy/subscriptions.h"
#include "mcp/server.h"
#include "mcp/sink.h"

namespace mayfly::mcp {

// One connection: a stdio pipe, a legacy HTTP session, or a single modern HTTP request. It holds
// what a legacy handshake settled and which requests are in flight; modern requests leave no trace
// once they are answered. What it answers goes to the sink that came with the message.
//
// Thread-safe. Messages are dispatched in the order of the calls; everything but tools/call and
// resources/read is answered before `receive` returns, which never waits for a handler.
class Session {
 public:
  // `principal` is who is calling, for every message. `revision`: an already negotiated legacy one.
  Session(Server& server, std::string principal,
          std::optional<legacy::Revision> revision = std::nullopt);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // One message as text, or as a value that parse_json gave.
  void receive(std::string_view text, const std::shared_ptr<MessageSink>& sink);
  void receive_parsed(Json message, const std::shared_ptr<MessageSink>& sink);
  // The transport threw a message away because it was longer than `limit` bytes.
  void refuse_oversized(std::size_t limit, const std::shared_ptr<MessageSink>& sink);

  // The peer is gone: withdraws everything in flight. Then `drain` waits until no handler works for
  // this session any more; false if `deadline` came first.
  void withdraw_all() { in_flight_->withdraw_all(); }
  bool drain(TimePoint deadline) const { return in_flight_->wait_until_idle(deadline); }

  const std::string& principal() const { return principal_; }
  const std::shared_ptr<InFlightTable>& in_flight() const { return in_flight_; }
  std::optional<legacy::Revision> revision() const;
  // A new handshake begins: nothing of an earlier one is left.
  void negotiated(legacy::Revision revision);
  // What the client of a legacy handshake said that it is; null before.
  Json client() const;
  void set_client(Json client);

  // What was subscribed to by legacy requests. The transport says where its notifications go.
  legacy::Subscriptions& subscriptions() const { return *subscriptions_; }
  // How many subscriptions/listen stay open at a time.
  const std::shared_ptr<CallSlots>& listens() const { return listens_; }
  // Requests that stay open are answered, since the server ends.
  void end_gracefully() { in_flight_->server_ends(); }

 private:
  void dispatch(Message message, const std::shared_ptr<MessageSink>& sink, bool in_batch);
  void receive_batch(Json messages, const std::shared_ptr<MessageSink>& sink);
  void serve(Request request, const std::shared_ptr<MessageSink>& sink, bool in_batch);
  tl::expected<Method, RpcError> method_for(const Request& request, bool in_batch) const;
  void notice(const Notification& notification);

  Server& server_;
  const std::string principal_;
  const std::shared_ptr<InFlightTable> in_flight_;
  const std::shared_ptr<legacy::Subscriptions> subscriptions_;
  const std::shared_ptr<CallSlots> listens_;
  mutable std::mutex mutex_;
  std::optional<legacy::Revision> revision_;
  Json client_;
};

}  // namespace mayfly::mcp
