#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "mcp/jsonrpc.h"

namespace mayfly::mcp {

// A request that has been accepted and not answered.
class InFlight {
 public:
  virtual ~InFlight() = default;
  // The client withdrew it. When this returns, nothing more is sent about it.
  virtual void withdraw() = 0;
  // The server is about to end: for a request that would stay open until then.
  virtual void server_ends() {}
};

// How many calls the whole server works on, whoever asked. Thread-safe.
class CallSlots {
 public:
  explicit CallSlots(std::size_t limit) : limit_(limit) {}
  bool take();
  void give_back() { taken_.fetch_sub(1); }
  std::size_t taken() const { return taken_.load(); }
  std::size_t limit() const { return limit_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> taken_{0};
};

// The requests in flight on one connection, by id. Thread-safe. It also counts work that goes on
// after its request was withdrawn: a handler needs time to stop, and that time counts against the
// limits.
class InFlightTable {
 public:
  // False if `id` is in flight already.
  bool add(const RequestId& id, std::shared_ptr<InFlight> entry);
  // The request is answered: its id may be used again.
  void remove(const RequestId& id, const InFlight* entry);
  // Withdraws `id`; ignores an id that is unknown or answered.
  void withdraw(const RequestId& id);
  void withdraw_all();
  void server_ends();

  void work_began();
  void work_ended();
  std::size_t working() const;
  // Waits until no work is left. False: the deadline came first.
  bool wait_until_idle(TimePoint deadline) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable idle_;
  std::map<RequestId, std::shared_ptr<InFlight>> entries_;
  std::size_t working_ = 0;
};

// Held by a call from its acceptance until its handler has let go.
class CallSlot {
 public:
  CallSlot() = default;
  // Invalid if the server is full.
  static CallSlot take(std::shared_ptr<CallSlots> slots, std::shared_ptr<InFlightTable> table);
  CallSlot(CallSlot&&) noexcept = default;
  CallSlot& operator=(CallSlot&& other) noexcept;
  ~CallSlot() { release(); }

  bool valid() const { return slots_ != nullptr; }
  void release();

 private:
  std::shared_ptr<CallSlots> slots_;
  std::shared_ptr<InFlightTable> table_;
};

}  // namespace mayfly::mcp
