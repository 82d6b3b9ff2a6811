#include "sandbox/linux/usage_watch.h"

#include "catch_shim.h"
#include "sandbox/linux/process_figures.h"

namespace mayfly::sandbox {
namespace {

FamilyTally::Reading one(pid_t pid, pid_t parent, std::uint64_t born, std::uint64_t value,
                         bool known = true) {
  return {pid, parent, born, value, value, known};
}

}  // namespace

TEST_CASE("a tally does not count twice what a parent takes over from a child") {
  FamilyTally tally(1);
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 100), one(3, 2, 6, 40)});
  CHECK(tally.total() == 140);
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 145)});  // 2 waited for 3, which had come to 45
  CHECK(tally.total() == 145);
  tally.take({one(1, 0, 1, 150)});
  CHECK(tally.total() == 150);
}

TEST_CASE("a tally keeps what nobody waited for") {
  FamilyTally tally(1);
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 10), one(3, 2, 6, 1000), one(4, 2, 6, 2000)});
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 12), one(5, 2, 9, 500)});
  CHECK(tally.total() == 3512);
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 12)});
  CHECK(tally.total() == 3512);
}

TEST_CASE("a tally tells a process from an older one with its number") {
  FamilyTally tally(1);
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 100)});
  tally.take({one(1, 0, 1, 0), one(2, 1, 8, 30)});
  CHECK(tally.total() == 130);
}

TEST_CASE("an orphan is waited for by init, or by whoever adopted it") {
  FamilyTally tally(1);
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 10), one(3, 2, 6, 1000), one(9, 1, 2, 0)});
  tally.take({one(1, 0, 1, 10), one(3, 9, 6, 1000), one(9, 1, 2, 0)});
  CHECK(tally.total() == 1010);
  tally.take({one(1, 0, 1, 10), one(9, 1, 2, 1000)});
  CHECK(tally.total() == 1010);
}

TEST_CASE("a sibling's growth hides no child that nobody waited for") {
  FamilyTally tally(1);
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 10), one(3, 2, 6, 1000), one(4, 2, 7, 0)});
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 10), one(4, 2, 7, 1000)});
  CHECK(tally.total() == 2010);
}

TEST_CASE("a tally keeps the last value of who cannot be read any more") {
  FamilyTally tally(1);
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 100)});
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 0, false), one(3, 1, 6, 50)});
  CHECK(tally.total() == 150);
  tally.take({one(1, 0, 1, 0), one(2, 1, 5, 0, false), one(3, 1, 6, 0, false), one(4, 1, 7, 50)});
  CHECK(tally.total() == 200);
  tally.take({one(1, 0, 1, 0), one(2, 1, 9, 0, false), one(4, 1, 7, 50)});
  CHECK(tally.total() == 200);
}

TEST_CASE("a process's name is not taken for its figures") {
  const auto memory = parse_status(
      "Name:\tRssAnon:0\nState:\tS (sleeping)\nVmPTE:\t 4 kB\nVmSwap:\t 3 kB\n"
      "RssAnon:\t 20 kB\nRssShmem:\t 8 kB\n");
  REQUIRE(memory.has_value());
  CHECK(memory->anonymous == 23 << 10);
  CHECK(memory->shared == 8 << 10);
  CHECK(memory->tables == 4 << 10);
}

TEST_CASE("what has no figures is told from what has used nothing") {
  CHECK_FALSE(parse_status("Name:\tRssAnon:0\nState:\tZ (zombie)\n").has_value());
  CHECK_FALSE(parse_rollup("").has_value());
  CHECK_FALSE(parse_io("").has_value());
  CHECK(parse_io("syscw: 1\nwrite_bytes: 40\ncancelled_write_bytes: 12\n") == 28U);
  CHECK(parse_io("syscw: 1\nwrite_bytes: 4\ncancelled_write_bytes: 12\n") == 0U);
}

}  // namespace mayfly::sandbox
