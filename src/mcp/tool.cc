#include "mcp/tool.h"

#include <mutex>
#include <utility>

#include "base/text.h"

namespace mayfly::mcp {

ToolResult error_result(const Error& error) { return error_result(std::vector<Error>{error}); }

ToolResult error_result(const std::vector<Error>& errors) {
  std::string lines;
  std::string details;
  for (const Error& error : errors) {
    if (!lines.empty()) lines += "\n";
    lines += describe(error);
    if (!error.details.empty()) details += "\n\n" + text::repair_utf8(error.details);
  }
  lines += details;
  ToolResult result;
  result.content.emplace_back(TextContent{std::move(lines)});
  result.is_error = true;
  result.errors = errors;
  return result;
}

struct CancelToken::State {
  std::mutex mutex;
  bool cancelled = false;
  bool disarmed = false;
  std::vector<std::function<void()>> callbacks;
};

CancelToken::CancelToken() : state_(std::make_shared<State>()) {}

void CancelToken::cancel() {
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->cancelled || state_->disarmed) return;
    state_->cancelled = true;
    callbacks.swap(state_->callbacks);
  }
  for (const auto& callback : callbacks) callback();
}

bool CancelToken::cancelled() const {
  const std::lock_guard lock(state_->mutex);
  return state_->cancelled;
}

void CancelToken::on_cancel(std::function<void()> callback) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->disarmed) return;
    if (!state_->cancelled) {
      state_->callbacks.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void CancelToken::disarm() {
  // Destroyed outside the lock: a callback may own the last reference to what owns this token.
  std::vector<std::function<void()>> callbacks;
  const std::lock_guard lock(state_->mutex);
  state_->disarmed = true;
  callbacks.swap(state_->callbacks);
}

void ToolReply::Sink::abandon() {
  Error error;
  error.code = ErrorCode::kSandboxLost;
  error.message = "the tool ended without an answer";
  error.remedy = "this is a fault of the server; try once more";
  finish(error_result(error));
}

ToolReply::ToolReply(std::shared_ptr<Sink> sink) : sink_(std::move(sink)) {}

ToolReply& ToolReply::operator=(ToolReply&& other) noexcept {
  if (this == &other) return *this;
  const ToolReply unanswered(std::move(*this));
  sink_ = std::move(other.sink_);
  wants_progress_ = other.wants_progress_;
  return *this;
}

ToolReply::~ToolReply() {
  if (sink_) sink_->abandon();
}

void ToolReply::operator()(ToolResult result) {
  if (const auto sink = std::exchange(sink_, nullptr)) sink->finish(std::move(result));
}

void ToolReply::progress(double elapsed, const std::string& message) const {
  if (sink_) sink_->progress(elapsed, message);
}

void ToolRegistry::add(ToolSpec spec, ToolHandler handler) {
  entries_.push_back({std::move(spec), std::move(handler)});
}

const ToolRegistry::Entry* ToolRegistry::find(const std::string& name) const {
  for (const Entry& entry : entries_) {
    if (entry.spec.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace mayfly::mcp
