#pragma once

#include <thread>

#include "base/fd.h"
#include "base/result.h"

namespace mayfly::app {

// Carries our stdin into a pipe that a sandboxed program reads, in a thread of its own, until
// either end is closed. Our own descriptor 0 never enters a sandbox: a terminal could be written
// to, and a socket would be a way out.
class StdinPump {
 public:
  // `reader` becomes the pipe's read end.
  static Result<StdinPump> start(OwnedFd& reader);
  StdinPump(StdinPump&&) = default;
  StdinPump& operator=(StdinPump&&) = delete;
  ~StdinPump();

 private:
  StdinPump(OwnedFd stop, std::thread thread)
      : stop_(std::move(stop)), thread_(std::move(thread)) {}

  OwnedFd stop_;
  std::thread thread_;
};

}  // namespace mayfly::app
