#include "mcp/resource_methods.h"

#include <exception>
#include <mutex>
#include <utility>

#include "base/text.h"
#include "mcp/in_flight.h"
#include "mcp/paging.h"
#include "mcp/session.h"

namespace mayfly::mcp {
namespace {

// One resources/read from acceptance to answer. It ends by being answered or withdrawn, whichever
// comes first, and sends nothing after that. Thread-safe.
class Read : public InFlight {
 public:
  Read(const Exchange& exchange, std::shared_ptr<const Wire> wire, CallSlot slot, std::string uri)
      : server_(exchange.server),
        id_(exchange.request.id),
        uri_(std::move(uri)),
        principal_(exchange.session.principal()),
        wire_(std::move(wire)),
        sink_(exchange.sink),
        table_(exchange.session.in_flight()),
        slot_(std::move(slot)) {}

  // In a worker.
  void run() {
    if (!over()) answer(message());
    slot_.release();
  }

  void answer(Outgoing message) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return;
    table_->remove(id_, this);
    sink_->send(std::move(message));
  }

  void withdraw() override {
    const std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return;
    sink_->nothing_more();
  }

  Outgoing refusal(const Error& error) const {
    return error_message(id_, resource_error(error, uri_, *wire_));
  }

 private:
  bool over() const {
    const std::lock_guard lock(mutex_);
    return over_;
  }

  Outgoing message() const {
    std::string thrown = "something unknown";
    try {
      auto contents = server_.options().resources.read(uri_, principal_);
      if (!contents) return refusal(contents.error());
      return result_message(id_, wire_->resource_contents(std::move(*contents)));
    } catch (const std::exception& exception) {
      thrown = exception.what();
    } catch (...) {
    }
    if (server_.options().log) server_.options().log("reading a resource threw: " + thrown);
    return error_message(id_, {rpc::kInternalError, "the resource could not be read", {}});
  }

  const Server& server_;
  const RequestId id_;
  const std::string uri_;
  const std::string principal_;
  const std::shared_ptr<const Wire> wire_;
  const std::shared_ptr<MessageSink> sink_;
  const std::shared_ptr<InFlightTable> table_;
  mutable std::mutex mutex_;
  bool over_ = false;
  CallSlot slot_;
};

Error busy(const CallSlots& slots) {
  Error error;
  error.code = ErrorCode::kBusy;
  error.message = std::to_string(slots.taken()) + " requests are being worked on, the most is " +
                  std::to_string(slots.limit());
  error.remedy = "wait for one to end, then read again";
  return error;
}

RpcError bad_uri(std::string_view value, std::string_view message) {
  return rpc_error(rpc::kInvalidParams,
                   input_error(ErrorCode::kInvalidArgument, "uri", value, message,
                               "give one as a list, a template or a resource_link has it"));
}

}  // namespace

Outcome list_resources(Exchange& exchange, const Wire& wire) {
  if (auto refused = refused_cursor(exchange.request.params)) return std::move(*refused);
  return wire.resource_list(exchange.server.options().resources.list(exchange.session.principal()));
}

Outcome list_resource_templates(Exchange& exchange, const Wire& wire) {
  if (auto refused = refused_cursor(exchange.request.params)) return std::move(*refused);
  return wire.resource_template_list(exchange.server.options().resources.templates());
}

Outcome read_resource(Exchange& exchange, std::shared_ptr<const Wire> wire) {
  Server& server = exchange.server;
  auto uri = uri_argument(exchange.request.params);
  if (!uri) return uri.error();
  if (server.options().startup_error) {
    return rpc_error(rpc::kInternalError, *server.options().startup_error);
  }
  const auto& table = exchange.session.in_flight();
  CallSlot slot = CallSlot::take(server.slots(), table);
  if (!slot.valid()) return rpc_error(rpc::kInternalError, busy(*server.slots()));

  auto read = std::make_shared<Read>(exchange, std::move(wire), std::move(slot), *std::move(uri));
  if (!table->add(exchange.request.id, read)) {
    return RpcError{rpc::kInvalidRequest, "a request with this id is still being worked on", {}};
  }
  if (!server.workers().post([read] { read->run(); })) {
    read->answer(read->refusal(busy(*server.slots())));
  }
  return Deferred{};
}

tl::expected<std::string, RpcError> uri_value(const Json* given) {
  // Answers repeat it.
  constexpr std::size_t kLongestUri = 2048;
  if (given == nullptr || !given->is_string()) {
    return tl::unexpected(bad_uri("", "\"uri\" must be a string"));
  }
  std::string uri = given->get<std::string>();
  if (uri.size() > kLongestUri) return tl::unexpected(bad_uri(uri, "longer than 2048 bytes"));
  return uri;
}

tl::expected<std::string, RpcError> uri_argument(const Json& params) {
  return uri_value(member(params, "uri"));
}

RpcError resource_error(const Error& error, const std::string& uri, const Wire& wire) {
  const bool absent = error.code == ErrorCode::kNotFound;
  const bool wrong = error.code == ErrorCode::kInvalidArgument;
  RpcError out = rpc_error(absent  ? wire.resource_not_found_code()
                           : wrong ? rpc::kInvalidParams
                                   : rpc::kInternalError,
                           error);
  out.data["uri"] = uri;
  return out;
}

RpcError no_subscriptions(const std::string& method) {
  return {rpc::kMethodNotFound, "Method not found: " + method, {}};
}

Error too_many_subscriptions(std::size_t most) {
  Error error;
  error.code = ErrorCode::kBusy;
  error.message = "there are too many subscriptions, the most is " + std::to_string(most);
  error.remedy = "end one that is not needed any more, then subscribe again";
  return error;
}

}  // namespace mayfly::mcp
