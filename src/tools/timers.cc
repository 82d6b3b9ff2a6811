#include "tools/timers.h"

namespace mayfly::tools {

Timers::Id Timers::at(TimePoint when, std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  const Id id = ++last_id_;
  if (stopped_) return id;
  tasks_.emplace(std::pair(when, id), std::move(task));
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_one();
  return id;
}

void Timers::cancel(Id id) {
  // Destroyed after the lock: a task may own what calls us from its destructor.
  std::function<void()> dropped;
  const std::lock_guard lock(mutex_);
  for (auto task = tasks_.begin(); task != tasks_.end(); ++task) {
    if (task->first.second != id) continue;
    dropped = std::move(task->second);
    tasks_.erase(task);
    return;
  }
}

void Timers::stop() {
  std::thread finished;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    finished.swap(thread_);
    changed_.notify_one();
  }
  if (finished.joinable()) finished.join();
  decltype(tasks_) dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(tasks_);
}

void Timers::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (tasks_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const TimePoint next = tasks_.begin()->first.first;
    if (Clock::now() < next) {
      changed_.wait_until(lock, next);
      continue;
    }
    std::function<void()> task = std::move(tasks_.begin()->second);
    tasks_.erase(tasks_.begin());
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace mayfly::tools
