#include "tools/waiting.h"

#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::tools {
namespace {

// How long after the limit output that is there already is still looked at.
constexpr milliseconds kCatchUp{2'000};

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
      deadline_ = timers_.at(started_ + wait_.limit, [self] { self->limit_passed(); });
      arm_heartbeat();
    }
    cancel.on_cancel([self] { self->withdrawn(); });
    const Job::WatchId watch = wait_.job->when_finished([self] { self->job_ended(); });
    const std::lock_guard lock(mutex_);
    watch_ = watch;
    if (closed_ && !cancelling_) wait_.job->forget(watch);
    plan_look();
  }

 private:
  void job_ended() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      if (wait_.look && !closed_) return plan_look();
    }
    settle();
  }

  void limit_passed() {
    {
      const std::lock_guard lock(mutex_);
      last_look_ = Clock::now() + kCatchUp;
      if (wait_.look && !found_ && !closed_) return plan_look();
    }
    settle();
  }

  // With the lock held.
  void plan_look() {
    if (!wait_.look || closed_ || std::exchange(look_planned_, true)) return;
    timers_.at(Clock::now(), [self = shared_from_this()] { self->look(); });
  }

  void output_arrived() {
    const std::lock_guard lock(mutex_);
    output_watch_ = 0;
    plan_look();
  }

  // In the timers' thread, never twice at once. The watch comes first: what is printed after the
  // look makes another one.
  void look() {
    bool ended = false;
    bool late = false;
    {
      const std::lock_guard lock(mutex_);
      look_planned_ = false;
      if (closed_) return;
      if (output_watch_ == 0) {
        output_watch_ = wait_.job->when_output([weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->output_arrived();
        });
      }
      ended = ended_;
      late = last_look_.has_value();
    }
    const Look seen = wait_.look();
    if (seen == Look::kFound && (ended || late || wait_.quiet == milliseconds{0})) return settle();
    if (seen == Look::kNothing && (ended || late)) return settle();
    if (late && Clock::now() >= *last_look_) return settle();
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    if (seen == Look::kMore) return plan_look();
    if (seen != Look::kFound) return;
    found_ = true;
    timers_.cancel(quiet_);
    quiet_ =
        timers_.at(Clock::now() + wait_.quiet, [self = shared_from_this()] { self->settle(); });
  }

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
    timers_.cancel(quiet_);
    wait_.job->forget(output_watch_);
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
  bool ended_ = false;
  bool found_ = false;
  bool look_planned_ = false;
  std::optional<TimePoint> last_look_;  // set once the limit has passed
  Timers::Id quiet_ = 0;
  Job::WatchId output_watch_ = 0;
};

}  // namespace

void wait_for(Timers& timers, Wait wait, mcp::CancelToken cancel, mcp::ToolReply reply) {
  const bool over = wait.limit <= milliseconds{0} || wait.job->outcome();
  if (over && !wait.look) return reply(wait.answer());
  std::make_shared<Waiter>(timers, std::move(wait), std::move(reply))->start(std::move(cancel));
}

}  // namespace mayfly::tools
