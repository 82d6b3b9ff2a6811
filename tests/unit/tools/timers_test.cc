#include "tools/timers.h"

#include <future>
#include <vector>

#include "unit/catch_shim.h"

namespace mayfly::tools {
namespace {

TEST_CASE("tasks run in the order of their times, not of their making") {
  Timers timers;
  std::promise<void> done;
  std::vector<int> order;
  const TimePoint now = Clock::now();
  timers.at(now + milliseconds{20}, [&] {
    order.push_back(2);
    done.set_value();
  });
  timers.at(now + milliseconds{1}, [&] { order.push_back(1); });
  done.get_future().wait();
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("a cancelled task does not run") {
  Timers timers;
  std::promise<void> done;
  bool ran = false;
  const TimePoint now = Clock::now();
  const Timers::Id id = timers.at(now + milliseconds{5}, [&] { ran = true; });
  timers.at(now + milliseconds{10}, [&] { done.set_value(); });
  timers.cancel(id);
  timers.cancel(4711);
  done.get_future().wait();
  CHECK_FALSE(ran);
}

TEST_CASE("a task may set and cancel timers") {
  Timers timers;
  std::promise<void> done;
  const Timers::Id never = timers.at(Clock::now() + std::chrono::hours{1}, [] {});
  timers.at(Clock::now(), [&] {
    timers.cancel(never);
    timers.at(Clock::now(), [&] { done.set_value(); });
  });
  done.get_future().wait();
}

TEST_CASE("after stop nothing runs, and what waited is destroyed") {
  auto held = std::make_shared<int>(1);
  Timers timers;
  timers.at(Clock::now() + std::chrono::hours{1}, [held] {});
  CHECK(held.use_count() == 2);
  timers.stop();
  CHECK(held.use_count() == 1);
  timers.at(Clock::now(), [held] { *held = 2; });
  CHECK(*held == 1);
}

}  // namespace
}  // namespace mayfly::tools
