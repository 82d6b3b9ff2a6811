#include "sandbox/linux/usage_watch.h"

#include "catch_shim.h"

namespace mayfly::sandbox {

TEST_CASE("a tally does not count twice what a parent takes over from a child") {
  Tally tally;
  tally.take({{1, 0, 1, 0}, {2, 1, 5, 100}, {3, 2, 6, 40}});
  CHECK(tally.total() == 140);
  tally.take({{1, 0, 1, 0}, {2, 1, 5, 145}});  // 2 waited for 3, which had come to 45
  CHECK(tally.total() == 145);
  tally.take({{1, 0, 1, 150}});
  CHECK(tally.total() == 150);
}

TEST_CASE("a tally keeps what nobody waited for") {
  Tally tally;
  tally.take({{1, 0, 1, 0}, {2, 1, 5, 10}, {3, 2, 6, 1000}, {4, 2, 6, 2000}});
  tally.take({{1, 0, 1, 0}, {2, 1, 5, 12}, {5, 2, 9, 500}});
  CHECK(tally.total() == 3512);
  tally.take({{1, 0, 1, 0}, {2, 1, 5, 12}});
  CHECK(tally.total() == 3512);
}

TEST_CASE("a tally tells a process from an older one with its number") {
  Tally tally;
  tally.take({{1, 0, 1, 0}, {2, 1, 5, 100}});
  tally.take({{1, 0, 1, 0}, {2, 1, 8, 30}});
  CHECK(tally.total() == 130);
}

TEST_CASE("an orphan is waited for by init, or by whoever adopted it") {
  Tally tally;
  tally.take({{1, 0, 1, 0}, {2, 1, 5, 10}, {3, 2, 6, 1000}, {9, 1, 2, 0}});
  tally.take({{1, 0, 1, 10}, {3, 9, 6, 1000}, {9, 1, 2, 0}});
  CHECK(tally.total() == 1010);
  tally.take({{1, 0, 1, 10}, {9, 1, 2, 1000}});
  CHECK(tally.total() == 1010);
}

}  // namespace mayfly::sandbox
