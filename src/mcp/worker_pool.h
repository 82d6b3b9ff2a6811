#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mayfly::mcp {

// Runs short jobs in up to `threads` threads, each started when a job finds nobody idle. With no
// threads at all a job runs inside `post`, so that a test sees everything in order.
// The destructor drops what is queued and waits for what runs.
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t queue_limit);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False if the queue is full or no thread can be had: the job will not run. Thread-safe. A job
  // must not throw.
  bool post(std::function<void()> job);
  std::size_t started_threads() const;

 private:
  void work();

  const std::size_t thread_limit_;
  const std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace mayfly::mcp
