#include "mcp/call.h"

#include <exception>
#include <utility>

#include "mcp/arguments.h"

namespace mayfly::mcp {

Call::Call(Setup setup)
    : id_(std::move(setup.id)),
      tool_(setup.call.tool),
      progress_token_(std::move(setup.progress_token)),
      declares_output_(setup.declares_output),
      wire_(std::move(setup.wire)),
      sink_(std::move(setup.sink)),
      table_(std::move(setup.table)),
      log_(std::move(setup.log)),
      witness_(setup.witness),
      principal_(setup.call.principal),
      client_(setup.call.client),
      cancel_(setup.call.cancel),
      pending_(std::move(setup.call)),
      slot_(std::move(setup.slot)) {}

void Call::run(const Server::Tool& tool) {
  auto call = begin();
  if (!call) {
    if (witness_ != nullptr) {
      Error gone;
      gone.code = ErrorCode::kCancelled;
      gone.message = "the client withdrew it before it ran";
      witness_->refused({tool_, Json(), principal_, client_}, {gone});
    }
    return;
  }
  ToolReply reply(shared_from_this());
  reply.set_wants_progress(!progress_token_.is_null());
  try {
    auto faults = check_arguments(call->arguments, tool.entry->spec.input_schema, tool.input);
    if (!faults.empty()) {
      if (witness_ != nullptr) {
        witness_->refused({tool_, call->arguments, principal_, client_}, faults);
      }
      return reply(error_result(faults));
    }
    if (!let_pass(*call, tool.entry->spec.annotations.read_only, reply)) return;
    tool.entry->handler(std::move(*call), std::move(reply));
  } catch (const std::exception& thrown) {
    log("tool " + tool_ + " threw: " + thrown.what());
  } catch (...) {
    log("tool " + tool_ + " threw");
  }
}

// The slot of a withdrawn call is given back here, not earlier: until now its job stood in the
// queue.
std::optional<ToolCall> Call::begin() {
  const std::lock_guard lock(state_mutex_);
  if (!over_) return std::move(pending_);
  slot_.release();
  return std::nullopt;
}

bool Call::let_pass(ToolCall& call, bool read_only, ToolReply& reply) {
  if (witness_ == nullptr) return true;
  auto witnessed = witness_->arrived({tool_, call.arguments, principal_, client_, read_only});
  if (!witnessed) {
    reply(error_result(witnessed.error()));
    return false;
  }
  call.witnessed = *witnessed;
  witnessed_ = *std::move(witnessed);
  return true;
}

// What the witness does before an answer leaves may take the time of a disk: not in this thread.
void Call::finish(ToolResult result) {
  if (!witnessed_) return send(std::move(result));
  witness_->post([self = shared_from_this(), answer = std::move(result)]() mutable {
    self->witnessed_->answering(answer);
    self->send(std::move(answer));
  });
}

void Call::send(ToolResult result) {
  if (declares_output_ && !result.is_error && !result.structured) {
    log("tool " + tool_ + " declares an output schema and answered without structured content");
    return send_nothing("the tool " + tool_ + " ended without an answer");
  }
  answer(result_message(id_, wire_->tool_result(std::move(result))));
  let_go();
}

// What a handler does when its call was withdrawn, and a fault of it otherwise.
void Call::abandon() {
  const std::string what = "the tool " + tool_ + " ended without an answer";
  if (!witnessed_) return send_nothing(what);
  witness_->post([self = shared_from_this(), what] {
    self->witnessed_->dropped(what);
    self->send_nothing(what);
  });
}

void Call::send_nothing(const std::string& what) {
  if (answer(error_message(id_, {rpc::kInternalError, what, {}}))) log(what);
  let_go();
}

bool Call::answer(Outgoing message) {
  const std::lock_guard lock(state_mutex_);
  if (std::exchange(over_, true)) return false;
  table_->remove(id_, this);
  sink_->send(std::move(message));
  return true;
}

// The last thing that happens: whoever waits for the session to be idle may go on from here.
void Call::let_go() {
  const auto self = shared_from_this();
  cancel_.disarm();
  const std::lock_guard lock(state_mutex_);
  slot_.release();
}

void Call::progress(double elapsed, const std::string& message) {
  if (progress_token_.is_null()) return;
  Json params = {{"progressToken", progress_token_}, {"progress", elapsed}};
  if (wire_->has_progress_message() && !message.empty()) params["message"] = message;
  Outgoing notification = notification_message("notifications/progress", params);
  const std::lock_guard lock(state_mutex_);
  if (over_ || !(elapsed > last_progress_)) return;
  last_progress_ = elapsed;
  sink_->send(std::move(notification));
}

void Call::withdraw() {
  {
    const std::lock_guard lock(state_mutex_);
    if (over_) return;
    over_ = true;
    pending_.arguments = nullptr;
    sink_->nothing_more();
  }
  cancel_.cancel();
}

void Call::log(const std::string& line) const {
  if (log_) log_(line);
}

}  // namespace mayfly::mcp
