#include "mcp/legacy/batch.h"

#include <utility>

namespace mayfly::mcp::legacy {

void BatchSink::send(Outgoing message) {
  if (message.kind == Outgoing::Kind::kNotification) return sink_->send(std::move(message));
  const std::lock_guard lock(mutex_);
  if (answers_.size() + message.text.size() + 2 > kMaxMessageBytes) {
    message = error_message(
        message.id,
        {rpc::kInternalError, "the answers of this batch are too large for one message", {}});
  }
  answers_ += (answers_.empty() ? "" : ",") + message.text;
  one_less();
}

void BatchSink::nothing_more() {
  const std::lock_guard lock(mutex_);
  one_less();
}

void BatchSink::one_less() {
  if (--expected_ > 0) return;
  if (answers_.empty()) return sink_->nothing_more();
  sink_->send({Outgoing::Kind::kResult, "[" + std::exchange(answers_, {}) + "]", std::nullopt, 0});
}

}  // namespace mayfly::mcp::legacy
