#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace mayfly::sandbox {

// The owner's end of a filter's notifications (seccomp_unotify(2)). One thread uses it. Wakes the
// program's thread on the CPU of who answers, where the kernel can (Linux 6.6): measured, an answer
// then takes a third of the time. That is lost if fd() is waited for through an epoll(7).
class Listener {
 public:
  // `fd` may be invalid: a filter that notifies nobody. Such a listener never has a request.
  static Result<Listener> open(OwnedFd fd);
  Listener() = default;  // of nobody

  // For poll(2).
  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  // Whether answers wake the program on the same CPU.
  bool synchronous() const { return synchronous_; }
  void close() { fd_.reset(); }

  // The next request, valid until the next call of this; null if there is none after all. Call it
  // only when poll(2) says that there is one: it waits. Closes itself when nobody is left to ask.
  const seccomp_notif* receive();
  // The program's call returns `error` (an errno; 0: success), or goes on in the kernel with
  // SECCOMP_USER_NOTIF_FLAG_CONTINUE.
  void answer(std::uint64_t notification, int error, std::uint32_t flags = 0) const;
  // Whether that thread still waits for the answer. What was read of it by its number is its own
  // only if this holds afterwards.
  bool still_asked(std::uint64_t notification) const;

 private:
  explicit Listener(OwnedFd fd) : fd_(std::move(fd)) {}

  OwnedFd fd_;
  bool synchronous_ = false;
  // As large as this kernel has them, which may be more than we know.
  std::vector<std::uint64_t> request_;
  mutable std::vector<std::uint64_t> response_;
};

}  // namespace mayfly::sandbox
