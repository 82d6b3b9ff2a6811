#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "mcp/sink.h"
#include "mcp/transport/event_fd.h"

namespace mayfly::mcp {

// How much waits for a peer that does not read. Past `pause` bytes the transport stops reading and
// progress is dropped; past `full` a result is replaced by an error of one line. Since only calls
// in flight can still answer then, and what comes `once` waits once, the queue is bounded.
struct OutboxLimits {
  std::size_t pause = std::size_t{4} << 20;
  std::size_t full = std::size_t{64} << 20;
};

// The messages on their way to one descriptor, a line each, written by a thread of its own so that
// nobody else waits for the peer. Thread-safe; may be used after it was closed, to no effect.
class Outbox : public MessageSink {
 public:
  static Result<std::shared_ptr<Outbox>> open(OwnedFd fd, OutboxLimits limits);
  ~Outbox() override;

  void send(Outgoing message) override;

  // Whether the reader should pause. `changed` is signalled when that ends, or the output
  // breaks.
  bool paused() const;
  bool broken() const;
  const EventFd& changed() const { return changed_; }

  // Takes nothing more, writes what is queued until `deadline`, ends the thread and closes the
  // descriptor. False: something was left unwritten.
  bool close(TimePoint deadline);

 private:
  Outbox(OwnedFd fd, OutboxLimits limits, EventFd changed, EventFd abort);
  void run();
  bool write_line(std::string_view line);
  bool wait_writable() const;

  OwnedFd fd_;
  const OutboxLimits limits_;
  const EventFd changed_;
  const EventFd abort_;
  const bool is_socket_;

  mutable std::mutex mutex_;
  std::condition_variable queued_;
  std::condition_variable ended_;
  struct Line {
    std::string text;
    std::string once;  // as of the message
  };
  std::deque<Line> queue_;
  std::set<std::string> waiting_once_;  // of queue_
  std::size_t bytes_ = 0;               // of queue_ and of the line that is being written
  bool closing_ = false;
  bool broken_ = false;
  bool thread_ended_ = false;
  std::thread thread_;
};

}  // namespace mayfly::mcp
