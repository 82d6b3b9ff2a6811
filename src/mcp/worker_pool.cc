#include "mcp/worker_pool.h"

#include <system_error>
#include <utility>

namespace mayfly::mcp {

WorkerPool::WorkerPool(std::size_t threads, std::size_t queue_limit)
    : thread_limit_(threads), queue_limit_(queue_limit) {}

WorkerPool::~WorkerPool() {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  posted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::post(std::function<void()> job) {
  if (thread_limit_ == 0) {
    job();
    return true;
  }
  const std::lock_guard lock(mutex_);
  if (stopping_ || queue_.size() >= queue_limit_) return false;
  if (idle_ <= queue_.size() && threads_.size() < thread_limit_) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      if (threads_.empty()) return false;
    }
  }
  queue_.push_back(std::move(job));
  posted_.notify_one();
  return true;
}

std::size_t WorkerPool::started_threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    posted_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (stopping_) return;
    {
      const std::function<void()> job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      job();
    }
    lock.lock();
  }
}

}  // namespace mayfly::mcp
