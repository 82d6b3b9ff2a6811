#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.h"

namespace mayfly::tools {

// Runs tasks at their time, in one thread of its own that starts with the first of them: the ends
// of waits, heartbeats, the expiry of jobs. Thread-safe. Tasks must not block.
class Timers {
 public:
  using Id = std::uint64_t;

  Timers() = default;
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;
  ~Timers() { stop(); }

  Id at(TimePoint when, std::function<void()> task);
  // The task will not start any more. It may be running.
  void cancel(Id id);
  // Waits for a running task and drops the others. Nothing runs afterwards.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<TimePoint, Id>, std::function<void()>> tasks_;
  Id last_id_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace mayfly::tools
