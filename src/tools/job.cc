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

void Job::forget(WatchId id) {
  std::function<void()> dropped;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  const auto watcher = watchers_.find(id);
  if (watcher == watchers_.end()) return;
  dropped = std::move(watcher->second);
  watchers_.erase(watcher);
}

}  // namespace mayfly::tools
