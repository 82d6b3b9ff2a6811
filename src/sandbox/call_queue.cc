#include "sandbox/call_queue.h"

#include <algorithm>

namespace mayfly::sandbox {

CallQueue::Verdict CallQueue::enter(const std::string& caller, std::uint64_t call) {
  if (running_ >= places_ && waiting_ >= room_) return Verdict::kFull;
  Caller& mine = callers_[caller];
  if (running_ < places_) {
    ++running_;
    ++mine.running;
    mine.served = ++services_;
    return Verdict::kRun;
  }
  ++waiting_;
  mine.calls.push_back(call);
  return Verdict::kWait;
}

std::optional<std::uint64_t> CallQueue::leave(const std::string& caller, milliseconds took,
                                              TimePoint now) {
  constexpr double kWeight = 0.2;  // of the newest call in the average
  const auto ms = static_cast<double>(took.count());
  typical_ms_ = typical_ms_ == 0 ? ms : typical_ms_ + kWeight * (ms - typical_ms_);
  last_end_ = now;
  --running_;
  if (const auto mine = callers_.find(caller); mine != callers_.end()) {
    --mine->second.running;
    forget_if_idle(mine);
  }
  auto next = callers_.end();
  for (auto one = callers_.begin(); one != callers_.end(); ++one) {
    if (one->second.calls.empty()) continue;
    const auto rank = [](const Caller& who) { return std::pair(who.running, who.served); };
    if (next == callers_.end() || rank(one->second) < rank(next->second)) next = one;
  }
  if (next == callers_.end()) return std::nullopt;
  const std::uint64_t call = next->second.calls.front();
  next->second.calls.pop_front();
  next->second.served = ++services_;
  ++next->second.running;
  ++running_;
  --waiting_;
  return call;
}

bool CallQueue::forget(std::uint64_t call) {
  for (auto caller = callers_.begin(); caller != callers_.end(); ++caller) {
    std::deque<std::uint64_t>& calls = caller->second.calls;
    const auto found = std::find(calls.begin(), calls.end(), call);
    if (found == calls.end()) continue;
    calls.erase(found);
    --waiting_;
    forget_if_idle(caller);
    return true;
  }
  return false;
}

void CallQueue::forget_if_idle(std::map<std::string, Caller>::iterator caller) {
  if (caller->second.running == 0 && caller->second.calls.empty()) callers_.erase(caller);
}

std::optional<milliseconds> CallQueue::expected_wait(TimePoint now) const {
  constexpr double kSeveral = 3;
  constexpr milliseconds kShort{1000};
  const milliseconds typical(static_cast<milliseconds::rep>(typical_ms_ * kSeveral));
  if (last_end_ == TimePoint() || now - last_end_ > std::max(typical, kShort)) return std::nullopt;
  const double rounds = static_cast<double>(waiting_ + 1) / static_cast<double>(places_);
  return milliseconds(static_cast<milliseconds::rep>(typical_ms_ * std::max(rounds, 0.5)));
}

}  // namespace mayfly::sandbox
