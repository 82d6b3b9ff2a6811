#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/engine.h"

namespace mayfly::app {

// Between one running call and our own stdout and stderr. The engine's thread only wakes us; the
// thread that follows the call writes, and so may be held up by a slow reader without holding up
// the call's limits.
class CallRelay : public std::enable_shared_from_this<CallRelay> {
 public:
  enum class Output { kStream, kKeep };

  // `stop_fd`: each time it becomes readable the call is asked to end, more firmly the second time.
  static Result<std::shared_ptr<CallRelay>> make(Output output, int stop_fd);

  sandbox::CallObserver observer();
  // Returns when the call has ended and its output is written, or nobody reads it any more.
  sandbox::Report follow(sandbox::Call& call);

 private:
  struct Stream {
    int fd;
    std::uint64_t written = 0;
    bool closed = false;
  };
  CallRelay(Output output, int stop_fd, OwnedFd wake)
      : output_(output), stop_fd_(stop_fd), wake_(std::move(wake)) {}
  void wake() const;
  // Waits for news, or for room to write to `fd` (-1: only for news), or for a wish to stop.
  void wait(int fd, sandbox::Call& call);
  void stop(sandbox::Call& call);
  void copy(const std::shared_ptr<sandbox::OutputStream>& from, Stream& to, sandbox::Call& call);

  const Output output_;
  const int stop_fd_;
  const OwnedFd wake_;
  Stream out_{.fd = 1};
  Stream err_{.fd = 2};
  int stops_ = 0;

  std::mutex mutex_;
  std::optional<sandbox::Report> report_;
};

}  // namespace mayfly::app
