#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace mayfly {

// A thread that does what it is given, one thing after the other. Thread-safe; the thread starts
// with the first thing.
class BackgroundThread {
 public:
  BackgroundThread() = default;
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;
  ~BackgroundThread() { drain(); }

  // Does nothing after `drain`.
  void post(std::function<void()> work);
  // Returns when everything given before is done, and ends the thread.
  void drain();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mayfly
