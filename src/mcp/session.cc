#include "mcp/session.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "mcp/era.h"
#include "mcp/legacy/batch.h"
#include "mcp/legacy/methods.h"
#include "mcp/modern/listen.h"
#include "mcp/modern/methods.h"

namespace mayfly::mcp {
namespace {

void refuse(MessageSink& sink, const std::optional<RequestId>& id, const RpcError& error) {
  sink.send(error_message(id, error, Outgoing::Kind::kRefusal));
}

// The id of a message that cannot be served as it is, so that its sender need not wait in vain.
std::optional<RequestId> salvaged_id(std::string_view text) {
  const auto repaired = parse_json(repair_json_text(text));
  if (!repaired) return std::nullopt;
  const Json* id = member(*repaired, "id");
  return id != nullptr ? RequestId::from_json(*id) : std::nullopt;
}

}  // namespace

Session::Session(Server& server, std::string principal, std::optional<legacy::Revision> revision)
    : server_(server),
      principal_(std::move(principal)),
      in_flight_(std::make_shared<InFlightTable>()),
      subscriptions_(std::make_shared<legacy::Subscriptions>()),
      listens_(std::make_shared<CallSlots>(modern::kMostListens)),
      revision_(revision) {}

Session::~Session() { withdraw_all(); }

std::optional<legacy::Revision> Session::revision() const {
  const std::lock_guard lock(mutex_);
  return revision_;
}

void Session::negotiated(legacy::Revision revision) {
  subscriptions_->clear();
  const std::lock_guard lock(mutex_);
  revision_ = revision;
}

Json Session::client() const {
  const std::lock_guard lock(mutex_);
  return client_;
}

void Session::set_client(Json client) {
  const std::lock_guard lock(mutex_);
  client_ = std::move(client);
}

void Session::receive(std::string_view text, const std::shared_ptr<MessageSink>& sink) {
  auto message = parse_json(text);
  if (message) return receive_parsed(std::move(*message), sink);
  const std::string what = text::is_utf8(text) ? message.error().message : "not valid UTF-8";
  refuse(*sink, salvaged_id(text), {rpc::kParseError, "Parse error: " + what, {}});
}

void Session::receive_parsed(Json message, const std::shared_ptr<MessageSink>& sink) {
  if (message.is_array()) return receive_batch(std::move(message), sink);
  dispatch(read_message(std::move(message)), sink, false);
}

void Session::refuse_oversized(std::size_t limit, const std::shared_ptr<MessageSink>& sink) {
  refuse(*sink, std::nullopt,
         {rpc::kInvalidRequest,
          "the message is longer than " + text::human_bytes(limit) + " and was not read",
          {}});
}

void Session::receive_batch(Json messages, const std::shared_ptr<MessageSink>& sink) {
  const auto no = [&sink](const char* why) {
    refuse(*sink, std::nullopt, {rpc::kInvalidRequest, why, {}});
  };
  const auto negotiated_revision = revision();
  if (messages.empty()) return no("an empty batch");
  if (server_.options().era != EraOption::kLegacy &&
      std::any_of(messages.begin(), messages.end(), has_claim)) {
    return no("revision 2026-07-28 has no batches: send one message at a time");
  }
  if (!negotiated_revision || !legacy::has_batches(*negotiated_revision)) {
    return no("batches exist in revision 2025-03-26 only, which was not negotiated here");
  }
  if (messages.size() > legacy::kMaxBatch) return no("more than 100 messages in one batch");
  std::vector<Message> parts;
  std::size_t expected = 0;
  for (Json& message : messages) {
    const Message& part = parts.emplace_back(read_message(std::move(message)));
    if (std::holds_alternative<Request>(part) || std::holds_alternative<Invalid>(part)) ++expected;
  }
  const auto answers = std::make_shared<legacy::BatchSink>(sink, expected);
  for (Message& part : parts) dispatch(std::move(part), answers, true);
}

void Session::dispatch(Message message, const std::shared_ptr<MessageSink>& sink, bool in_batch) {
  if (auto* request = std::get_if<Request>(&message)) {
    serve(std::move(*request), sink, in_batch);
  } else if (auto* notification = std::get_if<Notification>(&message)) {
    notice(*notification);
  } else if (auto* bad = std::get_if<Invalid>(&message)) {
    refuse(*sink, bad->id, bad->error);
  }
  // A response answers a request of ours; we have sent none.
}

void Session::serve(Request request, const std::shared_ptr<MessageSink>& sink, bool in_batch) {
  const auto method = method_for(request, in_batch);
  if (!method) return refuse(*sink, request.id, method.error());
  const RequestId id = request.id;
  Exchange exchange{server_, *this, std::move(request), sink};
  const Outcome outcome = (*method)(exchange);
  if (const auto* result = std::get_if<Json>(&outcome)) sink->send(result_message(id, *result));
  if (const auto* error = std::get_if<RpcError>(&outcome)) sink->send(error_message(id, *error));
}

tl::expected<Method, RpcError> Session::method_for(const Request& request, bool in_batch) const {
  const bool initialized = revision().has_value();
  const auto era = era_of(request, server_.options().era, initialized);
  if (!era) return tl::unexpected(era.error());
  const Method method = *era == Era::kModern ? modern::find_method(request.method)
                                             : legacy::find_method(request.method);
  const std::string name = text::shorten(text::one_line(request.method), 80);
  if (method == nullptr) {
    return tl::unexpected(RpcError{rpc::kMethodNotFound, "Method not found: " + name, {}});
  }
  if (*era == Era::kModern) return method;
  if (in_batch && request.method == "initialize") {
    return tl::unexpected(RpcError{rpc::kInvalidRequest, "initialize must stand alone", {}});
  }
  if (!initialized && request.method != "initialize" && request.method != "ping") {
    return tl::unexpected(
        RpcError{rpc::kInvalidParams, "not initialized: send initialize before " + name, {}});
  }
  return method;
}

// The same for both eras: a modern notification carries no claim, so one cannot tell whose it is.
// One that is unknown, or malformed, is ignored.
void Session::notice(const Notification& notification) {
  if (notification.method != "notifications/cancelled") return;
  const Json* id = member(notification.params, "requestId");
  if (id == nullptr) return;
  if (const auto request_id = RequestId::from_json(*id)) in_flight_->withdraw(*request_id);
}

}  // namespace mayfly::mcp
