#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "sandbox/linux/running_call.h"

namespace mayfly::sandbox {

// Does what is left of a call whose processes are all gone: looks for host code that it wrote into
// a workspace, then tells the observer. In a thread of its own, since that reads directories.
// Thread-safe; the thread starts with the first call.
class Finisher {
 public:
  ~Finisher() { drain(); }
  // `released` runs before the observer is told, so that whoever hears of the end finds its place
  // free.
  void finish(std::shared_ptr<RunningCall> call, std::function<void()> released);
  // Returns when everything given before is done, and ends the thread.
  void drain();

 private:
  struct Work {
    std::shared_ptr<RunningCall> call;
    std::function<void()> released;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> work_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mayfly::sandbox
