#include "tools/job.h"

#include <utility>

namespace mayfly::tools {

void Job::attach(std::shared_ptr<sandbox::Call> call) {
  const std::lock_guard lock(mutex_);
  if (!outcome_) call_ = std::move(call);
}

void Job::finish(Outcome outcome) {
  decltype(watchers_) watchers;
  std::shared_ptr<sandbox::Call> done;  // it holds an observer that holds this job
  {
    const std::lock_guard lock(mutex_);
    done.swap(call_);
    outcome_ = std::make_shared<const Outcome>(std::move(outcome));
    ended_ = Clock::now();
    watchers.swap(watchers_);
  }
  for (const auto& [id, task] : watchers) task();
}

std::shared_ptr<const Outcome> Job::outcome() const {
  const std::lock_guard lock(mutex_);
  return outcome_;
}

std::shared_ptr<sandbox::Call> Job::call() const {
  const std::lock_guard lock(mutex_);
  return call_;
}

std::shared_ptr<sandbox::OutputStream> Job::out() const {
  if (const auto ended = outcome()) return ended->report.out;
  const auto running = call();
  return running ? running->out() : nullptr;
}

std::shared_ptr<sandbox::OutputStream> Job::err() const {
  if (const auto ended = outcome()) return ended->report.err;
  const auto running = call();
  return running ? running->err() : nullptr;
}

bool Job::waiting() const {
  const auto running = call();
  return running != nullptr && running->waiting();
}

milliseconds Job::age() const {
  const std::lock_guard lock(mutex_);
  const TimePoint until = outcome_ ? ended_ : Clock::now();
  return std::chrono::duration_cast<milliseconds>(until - created_);
}

void Job::cancel() {
  if (const auto running = call()) running->cancel();
}

void Job::terminate(milliseconds grace) {
  if (const auto running = call()) running->terminate(grace);
}

void Job::become_job() {
  if (const auto running = call()) running->become_job();
}

Job::WatchId Job::when_finished(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (!outcome_) {
      watchers_.emplace(++last_watch_, std::move(task));
      return last_watch_;
    }
  }
  task();
  return 0;
}

Status Job::write_input(std::string bytes) {
  const auto running = call();
  return running ? running->write_input(std::move(bytes)) : fail(sandbox::input_not_open());
}

Status Job::close_input() {
  const auto running = call();
  return running ? running->close_input() : fail(sandbox::input_not_open());
}

Job::WatchId Job::when_output(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  output_watchers_.emplace(++last_watch_, std::move(task));
  output_watched_ = true;
  return last_watch_;
}

// A watcher that looks at the stream after it was added misses nothing: either it sees what was
// appended before, or the appending thread sees the flag.
void Job::output_arrived() {
  if (!output_watched_) return;
  decltype(output_watchers_) watchers;
  {
    const std::lock_guard lock(mutex_);
    watchers.swap(output_watchers_);
    output_watched_ = false;
  }
  for (const auto& [id, task] : watchers) task();
}

void Job::forget(WatchId id) {
  decltype(watchers_)::node_type dropped;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  dropped = watchers_.extract(id);
  if (dropped.empty()) dropped = output_watchers_.extract(id);
}

}  // namespace mayfly::tools
