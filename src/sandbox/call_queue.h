#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"

namespace mayfly::sandbox {

// Who may run a call now, and who is next. Places are limited, and so is the number of those that
// wait. A place that becomes free goes to the caller with the fewest running calls, among equals to
// the one who was served longest ago, and to his oldest call: one caller's hundred calls delay
// another's first by one place at most. Not thread-safe.
class CallQueue {
 public:
  CallQueue(std::size_t places, std::size_t waiting) : places_(places), room_(waiting) {}

  enum class Verdict { kRun, kWait, kFull };
  // `call` runs at once, or waits until `leave` names it, or is not taken.
  Verdict enter(const std::string& caller, std::uint64_t call);
  // A running call of `caller` ended after `took`. Returns the call that has its place now.
  std::optional<std::uint64_t> leave(const std::string& caller, milliseconds took, TimePoint now);
  // Whether `call` waited; then it does no longer.
  bool forget(std::uint64_t call);

  std::size_t running() const { return running_; }
  std::size_t waiting() const { return waiting_; }
  // How long one who enters now would have to wait, judged by the calls that ended so far. Nothing
  // if that says nothing of those that run: none has ended for several times as long.
  std::optional<milliseconds> expected_wait(TimePoint now) const;

 private:
  struct Caller {
    std::size_t running = 0;
    std::uint64_t served = 0;  // a clock that counts services
    std::deque<std::uint64_t> calls;
  };
  void forget_if_idle(std::map<std::string, Caller>::iterator caller);

  const std::size_t places_;
  const std::size_t room_;
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;
  std::uint64_t services_ = 0;
  double typical_ms_ = 0;  // moving average of how long calls take
  TimePoint last_end_;
  std::map<std::string, Caller> callers_;
};

}  // namespace mayfly::sandbox
