#include "settings/units.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

#include "base/error.h"

namespace mayfly::settings {
namespace {

constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr std::uint64_t kYear = 366 * kDay;
constexpr std::uint64_t kMostPercent = 100'000;

struct TimeUnit {
  std::string_view name;
  std::uint64_t milliseconds;
};
constexpr TimeUnit kTimeUnits[] = {
    {"d", kDay}, {"h", kHour}, {"m", kMinute}, {"s", kSecond}, {"ms", 1}};

Error bad(std::string_view message, std::string_view remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, "", "", message, remedy);
}

// The digits at the front of `text`, which are taken away.
Result<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return fail(bad("is too large", "give less"));
  if (error != std::errc()) return fail(bad("is not a number", "start with digits"));
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  const Error not_a_size = bad("is not a size", "write it like 512M or 4GiB");
  auto number = take_number(text);
  if (!number) return fail(number.error().message == "is too large" ? number.error() : not_a_size);
  unsigned shift = 0;
  if (!text.empty()) {
    const char letter = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    const std::size_t which = kUnits.find(letter);
    const std::string_view rest = text.substr(1);
    if (which == std::string_view::npos || (!rest.empty() && rest != "B" && rest != "iB")) {
      return fail(not_a_size);
    }
    shift = static_cast<unsigned>(10 * (which + 1));
  }
  if (*number > std::numeric_limits<std::uint64_t>::max() >> shift) {
    return fail(bad("is too large", "give less"));
  }
  if (*number == 0) return fail(bad("is nothing", "give 1 or more"));
  return *number << shift;
}

Result<milliseconds> parse_duration(std::string_view text) {
  const Error not_a_time = bad("is not a time", "write it like 30s, 10m, 1h30m or 500ms");
  std::uint64_t total = 0;
  std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max();
  if (text.empty()) return fail(not_a_time);
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number && number.error().message == "is too large") {
      return fail(bad("is more than a year", "give less"));
    }
    if (!number) return fail(not_a_time);
    const std::size_t letters = std::min(text.find_first_of("0123456789"), text.size());
    const std::string_view name = text.substr(0, letters);
    const auto* unit = std::find_if(std::begin(kTimeUnits), std::end(kTimeUnits),
                                    [&](const TimeUnit& each) { return each.name == name; });
    // From large to small, each once: "1h30m" and never "30m1h".
    if (unit == std::end(kTimeUnits) || unit->milliseconds >= smallest) return fail(not_a_time);
    smallest = unit->milliseconds;
    if (*number > kYear / smallest || total + *number * smallest > kYear) {
      return fail(bad("is more than a year", "give less"));
    }
    total += *number * smallest;
    text.remove_prefix(letters);
  }
  if (total == 0) return fail(bad("is no time at all", "give 1ms or more"));
  return milliseconds{static_cast<milliseconds::rep>(total)};
}

Result<std::uint64_t> parse_percent(std::string_view text) {
  const auto number = take_number(text);
  if (!number || text != "%") {
    return fail(bad("is not a share", "write it like 50%; 100% is one core"));
  }
  if (*number == 0 || *number > kMostPercent) {
    return fail(bad("is not between 1% and 100000%", "100% is one core"));
  }
  return *number;
}

Result<std::uint64_t> parse_count(std::string_view text) {
  const auto number = take_number(text);
  if (!number && number.error().message == "is too large") return fail(number.error());
  if (!number || !text.empty()) return fail(bad("is not a whole number", "give digits only"));
  if (*number == 0) return fail(bad("is nothing", "give 1 or more"));
  return *number;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "KMGT";
  std::size_t unit = 0;
  while (bytes > 0 && unit < kUnits.size() && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + (unit > 0 ? std::string(1, kUnits[unit - 1]) : "");
}

std::string duration_text(milliseconds time) {
  std::uint64_t left = static_cast<std::uint64_t>(std::max<milliseconds::rep>(time.count(), 0));
  std::string out;
  for (const TimeUnit& unit : kTimeUnits) {
    if (left >= unit.milliseconds) {
      out += std::to_string(left / unit.milliseconds) + std::string(unit.name);
    }
    left %= unit.milliseconds;
  }
  return out.empty() ? "0ms" : out;
}

std::string percent_text(std::uint64_t percent) { return std::to_string(percent) + "%"; }

}  // namespace mayfly::settings
