#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace mayfly::app {

// SIGTERM, SIGINT and SIGHUP as a descriptor that becomes readable (and stays so until it is read),
// and no death by SIGPIPE. Done with handlers, never with masks or ignored signals: an exec gives
// the programs that we start the default actions back. One a process.
class StopSignals {
 public:
  static Result<StopSignals> install();
  int fd() const { return event_.get(); }
  // The first that came, or 0.
  static int first();

 private:
  explicit StopSignals(OwnedFd event) : event_(std::move(event)) {}
  OwnedFd event_;
};

}  // namespace mayfly::app
