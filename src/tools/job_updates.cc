#include "tools/job_updates.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "tools/job_resources.h"

namespace mayfly::tools {
namespace {

// One job's. It waits for output, then for the pace, tells, and waits again. The job holds what
// waits for it, so this must not hold the job.
class Teller : public std::enable_shared_from_this<Teller> {
 public:
  Teller(std::shared_ptr<mcp::ResourceUpdates> updates, Timers& timers,
         const std::shared_ptr<Job>& job, const std::string& job_id)
      : updates_(std::move(updates)),
        timers_(timers),
        job_(job),
        principal_(job->principal()),
        uris_{stream_uri(job_id, StreamName::kStdout), stream_uri(job_id, StreamName::kStderr)},
        told_(sizes(*job)) {}

  void wait() {
    const auto job = job_.lock();
    if (!job || job->outcome()) return;
    const auto id = job->when_output([self = shared_from_this()] { self->schedule(); });
    // What came before that was set up.
    if (sizes(*job) == told_) return;
    job->forget(id);
    schedule();
  }

  void tell_end() {
    for (const std::string& uri : uris_) updates_->changed(principal_, uri);
  }

 private:
  using Sizes = std::array<std::uint64_t, 2>;

  static Sizes sizes(const Job& job) {
    const auto size = [](const auto& stream) { return stream ? stream->size() : 0; };
    return {size(job.out()), size(job.err())};
  }

  void schedule() {
    if (scheduled_.exchange(true)) return;
    timers_.at(Clock::now() + kOutputPace, [self = shared_from_this()] {
      self->scheduled_ = false;
      self->tell();
      self->wait();
    });
  }

  void tell() {
    const auto job = job_.lock();
    if (!job || job->outcome()) return;  // its end is told by itself
    const Sizes now = sizes(*job);
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (now[i] != told_[i]) updates_->changed(principal_, uris_[i]);
    }
    told_ = now;
  }

  const std::shared_ptr<mcp::ResourceUpdates> updates_;
  Timers& timers_;
  const std::weak_ptr<Job> job_;
  const std::string principal_;
  const std::array<std::string, 2> uris_;
  Sizes told_;  // of the thread that waits or tells, which is one at a time
  std::atomic<bool> scheduled_{false};
};

}  // namespace

void tell_of_output(std::shared_ptr<mcp::ResourceUpdates> updates, Timers& timers,
                    const std::shared_ptr<Job>& job, const std::string& job_id) {
  const auto teller = std::make_shared<Teller>(std::move(updates), timers, job, job_id);
  job->when_finished([teller] { teller->tell_end(); });
  teller->wait();
}

}  // namespace mayfly::tools
