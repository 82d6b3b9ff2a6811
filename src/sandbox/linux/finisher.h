#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/background_thread.h"
#include "sandbox/linux/running_call.h"

namespace mayfly::sandbox {

// Does what is left of a call whose processes are all gone: looks for host code that it wrote into
// a workspace, reads its control group and removes it, tells the observer. In threads of its own,
// one for each workspace, since that reads directories: a workspace in which it takes long holds up
// nobody who works in another. Thread-safe.
class Finisher {
 public:
  // `released` runs before the observer is told, so that whoever hears of the end finds its place
  // free. A call that was answered already is only cleared away.
  void finish(std::shared_ptr<RunningCall> call, std::function<void()> released);
  // Tells the observer of a call that does not die. It keeps its place; `finish` is still to come.
  void answer_lingering(std::shared_ptr<RunningCall> call);
  // Returns when everything given before is done, and ends the threads.
  void drain();

 private:
  void post(const RunningCall& call, std::function<void()> work);

  std::mutex mutex_;
  std::map<std::string, BackgroundThread> threads_;  // by the first workspace's path
};

}  // namespace mayfly::sandbox
