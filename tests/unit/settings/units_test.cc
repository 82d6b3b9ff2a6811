#include "settings/units.h"

#include <limits>
#include <random>

#include "catch_shim.h"

namespace mayfly::settings {
namespace {

struct Number {
  const char* text;
  std::uint64_t value;
};
struct Wrong {
  const char* text;
  const char* message;
};

template <typename Parsed>
void check_wrong(const Parsed& parsed, const Wrong& row) {
  INFO(row.text);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().code == ErrorCode::kInvalidConfiguration);
  CHECK(parsed.error().message == row.message);
  CHECK_FALSE(parsed.error().remedy.empty());
}

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("sizes are numbers of bytes with units of 1024") {
  for (const Number& row :
       {Number{"1", 1}, Number{"4096", 4096}, Number{"64K", 64 << 10}, Number{"64k", 64 << 10},
        Number{"512M", 512ULL << 20}, Number{"512MB", 512ULL << 20}, Number{"2GiB", 2ULL << 30},
        Number{"1T", 1ULL << 40}, Number{"007", 7}, Number{"18446744073709551615", kMost},
        Number{"16777215T", 16777215ULL << 40}}) {
    INFO(row.text);
    CHECK(parse_size(row.text).value() == row.value);
  }
}

TEST_CASE("what is not a size says why and how to write one") {
  for (const Wrong& row :
       {Wrong{"", "is not a size"}, Wrong{"M", "is not a size"}, Wrong{"512X", "is not a size"},
        Wrong{"512 M", "is not a size"}, Wrong{" 512M", "is not a size"},
        Wrong{"512M ", "is not a size"}, Wrong{"-1", "is not a size"}, Wrong{"+1", "is not a size"},
        Wrong{"1.5G", "is not a size"}, Wrong{"0x10", "is not a size"},
        Wrong{"1e9", "is not a size"}, Wrong{"512Mb", "is not a size"},
        Wrong{"512MiBB", "is not a size"}, Wrong{"0", "is nothing"}, Wrong{"0G", "is nothing"},
        Wrong{"18446744073709551616", "is too large"}, Wrong{"16777216T", "is too large"},
        Wrong{"99999999999999999999999999", "is too large"}}) {
    check_wrong(parse_size(row.text), row);
  }
}

TEST_CASE("times go from large units to small ones, each once") {
  for (const Number& row :
       {Number{"1ms", 1}, Number{"500ms", 500}, Number{"30s", 30'000}, Number{"10m", 600'000},
        Number{"1h30m", 5'400'000}, Number{"2d", 172'800'000}, Number{"0h1ms", 1},
        Number{"366d", 366ULL * 86'400'000}}) {
    INFO(row.text);
    CHECK(parse_duration(row.text).value() == milliseconds(row.value));
  }
  for (const Wrong& row :
       {Wrong{"", "is not a time"}, Wrong{"30", "is not a time"}, Wrong{"s", "is not a time"},
        Wrong{"30m1h", "is not a time"}, Wrong{"1s1s", "is not a time"},
        Wrong{"1.5h", "is not a time"}, Wrong{"-1s", "is not a time"},
        Wrong{"1h 30m", "is not a time"}, Wrong{"30S", "is not a time"},
        Wrong{"30sec", "is not a time"}, Wrong{"0s", "is no time at all"},
        Wrong{"0ms", "is no time at all"}, Wrong{"366d1ms", "is more than a year"},
        Wrong{"18446744073709551615d", "is more than a year"},
        Wrong{"99999999999999999999d", "is more than a year"}}) {
    check_wrong(parse_duration(row.text), row);
  }
}

TEST_CASE("shares are whole percents of one core") {
  CHECK(parse_percent("1%").value() == 1);
  CHECK(parse_percent("100000%").value() == 100'000);
  for (const Wrong& row :
       {Wrong{"50", "is not a share"}, Wrong{"%", "is not a share"}, Wrong{"-5%", "is not a share"},
        Wrong{"0.5%", "is not a share"}, Wrong{"50 %", "is not a share"},
        Wrong{"50%%", "is not a share"}, Wrong{"99999999999999999999%", "is not a share"},
        Wrong{"0%", "is not between 1% and 100000%"},
        Wrong{"100001%", "is not between 1% and 100000%"}}) {
    check_wrong(parse_percent(row.text), row);
  }
}

TEST_CASE("counts are digits and more than nothing") {
  CHECK(parse_count("1").value() == 1);
  CHECK(parse_count("18446744073709551615").value() == kMost);
  for (const Wrong& row : {Wrong{"", "is not a whole number"}, Wrong{"-1", "is not a whole number"},
                           Wrong{"1k", "is not a whole number"}, Wrong{"0", "is nothing"},
                           Wrong{"18446744073709551616", "is too large"}}) {
    check_wrong(parse_count(row.text), row);
  }
}

TEST_CASE("whatever number is printed is read as the same number") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    // All magnitudes alike, and often a whole number of some unit.
    const std::uint64_t bits = std::max<std::uint64_t>(random() >> (random() % 64), 1);
    const std::uint64_t size = std::max<std::uint64_t>(bits << (10 * (random() % 6)), 1);
    CHECK(parse_size(size_text(size)).value() == size);
    const milliseconds time(1 + bits % (366ULL * 86'400'000));
    CHECK(parse_duration(duration_text(time)).value() == time);
    CHECK(parse_percent(percent_text(1 + bits % 100'000)).value() == 1 + bits % 100'000);
  }
  CHECK(size_text(512ULL << 20) == "512M");
  CHECK(size_text(1025) == "1025");
  CHECK(size_text(1ULL << 50) == "1024T");
  CHECK(duration_text(milliseconds(5'400'000)) == "1h30m");
}

}  // namespace mayfly::settings
