#include "tools/waiting.h"

#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::tools {
namespace {

// One waiting request. It is kept alive by the job's list of watchers, by its timers and by the
// cancel token; whoever comes first closes it.
class Waiter : public std::enable_shared_from_this<Waiter> {
 public:
  Waiter(Timers& timers, Wait wait, mcp::ToolReply reply)
      : timers_(timers), wait_(std::move(wait)), reply_(std::move(reply)) {}

  void start(mcp::CancelToken cancel) {
    const auto self = shared_from_this();
    {
      const std::lock_guard lock(mutex_);
      deadline_ = timers_.at(started_ + wait_.limit, [self] { self->settle(); });
      arm_heartbeat();
    }
    cancel.on_cancel([self] { self->withdrawn(); });
    const Job::WatchId watch = wait_.job->when_finished([self] { self->settle(); });
    const std::lock_guard lock(mutex_);
    watch_ = watch;
    if (closed_ && !cancelling_) wait_.job->forget(watch);
  }

 private:
  void settle() {
    std::optional<mcp::ToolReply> reply;
    {
      const std::lock_guard lock(mutex_);
      if (!closed_ || cancelling_) reply = std::exchange(reply_, std::nullopt);
      if (!close()) return;
    }
    if (reply) (*reply)(wait_.answer());
  }

  void withdrawn() {
    std::optional<mcp::ToolReply> dropped;
    {
      const std::lock_guard lock(mutex_);
      cancelling_ = !closed_ && wait_.on_cancel == OnCancel::kCancelJob;
      if (!close()) return;
      if (!cancelling_) dropped = std::exchange(reply_, std::nullopt);
    }
    if (wait_.on_cancel == OnCancel::kCancelJob) wait_.job->cancel();
  }

  // With the lock held. False if it was closed already.
  bool close() {
    if (std::exchange(closed_, true)) return false;
    timers_.cancel(deadline_);
    timers_.cancel(heartbeat_);
    if (!cancelling_) wait_.job->forget(watch_);
    return true;
  }

  // With the lock held.
  void arm_heartbeat() {
    if (!reply_->wants_progress()) return;
    const auto self = shared_from_this();
    heartbeat_ = timers_.at(Clock::now() + wait_.heartbeat, [self] { self->beat(); });
  }

  void beat() {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    const std::chrono::duration<double> elapsed = Clock::now() - started_;
    reply_->progress(elapsed.count(),
                     "running for " + std::to_string(static_cast<long>(elapsed.count())) + " s");
    arm_heartbeat();
  }

  Timers& timers_;
  const Wait wait_;
  const TimePoint started_ = Clock::now();

  std::mutex mutex_;
  std::optional<mcp::ToolReply> reply_;
  bool closed_ = false;
  bool cancelling_ = false;
  Timers::Id deadline_ = 0;
  Timers::Id heartbeat_ = 0;
  Job::WatchId watch_ = 0;
};

}  // namespace

void wait_for(Timers& timers, Wait wait, mcp::CancelToken cancel, mcp::ToolReply reply) {
  if (wait.limit <= milliseconds{0} || wait.job->outcome()) return reply(wait.answer());
  std::make_shared<Waiter>(timers, std::move(wait), std::move(reply))->start(std::move(cancel));
}

}  // namespace mayfly::tools
