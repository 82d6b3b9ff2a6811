#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace mayfly::app {

// SIGTERM, SIGINT and SIGHUP as descriptors that become readable (and stay so until they are read),
// and no death by SIGPIPE. Done with handlers, never with masks or ignored signals: an exec gives
// the programs that we start the default actions back. One a process.
class StopSignals {
 public:
  // Whether SIGHUP is one more signal to stop, or has a descriptor of its own.
  enum class Hangup { kStops, kReloads };
  static Result<StopSignals> install(Hangup hangup = Hangup::kStops);
  int fd() const { return event_.get(); }
  int reload_fd() const { return reload_event_.get(); }  // -1 with kStops
  // The first that came, or 0.
  static int first();

 private:
  explicit StopSignals(OwnedFd event) : event_(std::move(event)) {}
  OwnedFd event_;
  OwnedFd reload_event_;
};

}  // namespace mayfly::app
