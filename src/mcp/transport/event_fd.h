#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace mayfly::mcp {

// Wakes a poll(2) from another thread: readable once signalled, until cleared.
class EventFd {
 public:
  static Result<EventFd> make();
  int fd() const { return fd_.get(); }
  void signal() const;
  void clear() const;

 private:
  explicit EventFd(OwnedFd fd) : fd_(std::move(fd)) {}
  OwnedFd fd_;
};

}  // namespace mayfly::mcp
