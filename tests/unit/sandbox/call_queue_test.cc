#include "sandbox/call_queue.h"

#include "unit/catch_shim.h"

using mayfly::milliseconds;
using mayfly::sandbox::CallQueue;
using Verdict = CallQueue::Verdict;

namespace {
constexpr milliseconds kAny{10};
const mayfly::TimePoint kNow = mayfly::Clock::now();
}  // namespace

TEST_CASE("calls run while there are places, then wait, then are refused") {
  CallQueue queue(2, 1);
  CHECK(queue.enter("a", 1) == Verdict::kRun);
  CHECK(queue.enter("a", 2) == Verdict::kRun);
  CHECK(queue.enter("a", 3) == Verdict::kWait);
  CHECK(queue.enter("a", 4) == Verdict::kFull);
  CHECK(queue.running() == 2);
  CHECK(queue.waiting() == 1);
  CHECK(queue.leave("a", kAny, kNow) == 3U);
  CHECK_FALSE(queue.leave("a", kAny, kNow).has_value());
  CHECK(queue.running() == 1);
}

TEST_CASE("a caller with many waiting calls does not keep another's from a place") {
  CallQueue queue(2, 100);
  for (std::uint64_t call = 0; call < 50; ++call) queue.enter("greedy", call);
  REQUIRE(queue.enter("modest", 100) == Verdict::kWait);
  CHECK(queue.leave("greedy", kAny, kNow) == 100U);
  // Both run one now; who was served longest ago is next.
  CHECK(queue.leave("greedy", kAny, kNow) == 2U);
  REQUIRE(queue.enter("modest", 101) == Verdict::kWait);
  CHECK(queue.leave("modest", kAny, kNow) == 101U);
}

TEST_CASE("a caller's own calls keep their order") {
  CallQueue queue(1, 10);
  for (std::uint64_t call = 1; call <= 4; ++call) queue.enter("a", call);
  CHECK(queue.leave("a", kAny, kNow) == 2U);
  CHECK(queue.leave("a", kAny, kNow) == 3U);
  CHECK(queue.leave("a", kAny, kNow) == 4U);
}

TEST_CASE("a call that is cancelled while it waits is passed over") {
  CallQueue queue(1, 2);
  queue.enter("a", 1);
  queue.enter("a", 2);
  queue.enter("b", 3);
  CHECK(queue.forget(2));
  CHECK_FALSE(queue.forget(2));
  CHECK_FALSE(queue.forget(1));
  CHECK(queue.waiting() == 1);
  CHECK(queue.enter("a", 4) == Verdict::kWait);
  CHECK(queue.leave("a", kAny, kNow) == 3U);
}

TEST_CASE("the wait to expect grows with what waits and how long calls take") {
  CallQueue queue(1, 10);
  queue.enter("a", 1);
  CHECK_FALSE(queue.expected_wait(kNow).has_value());
  queue.enter("a", 2);
  queue.leave("a", milliseconds{1000}, kNow);
  const auto alone = queue.expected_wait(kNow);
  REQUIRE(alone.has_value());
  CHECK(*alone > milliseconds{0});
  queue.enter("a", 3);
  queue.enter("a", 4);
  CHECK(*queue.expected_wait(kNow) > *alone);
}

TEST_CASE("nothing is promised once calls run for longer than those before") {
  CallQueue queue(1, 10);
  queue.enter("a", 1);
  queue.enter("a", 2);
  queue.leave("a", milliseconds{1000}, kNow);
  CHECK(queue.expected_wait(kNow + milliseconds{2000}).has_value());
  CHECK_FALSE(queue.expected_wait(kNow + milliseconds{20'000}).has_value());
}
