#include "sandbox/linux/argument_conditions.h"

#include <sys/stat.h>

namespace mayfly::sandbox {
namespace {

using Compare = ArgumentCondition::Compare;

constexpr std::uint64_t kAll64 = ~0ULL;
constexpr std::uint64_t kAll32 = 0xffffffff;
constexpr std::uint64_t kSocketType = 0xf;  // SOCK_TYPE_MASK of linux/net.h; the rest are flags
constexpr std::uint64_t kMode = 07777;
constexpr std::uint64_t kDirectoryMode = 01777;
constexpr std::uint64_t kModeAndType = S_IFMT | kMode;

// Arguments of which it is known what the kernel looks at.
struct Seen {
  const char* call;
  unsigned argument;
  std::uint64_t bits;
};
constexpr Seen kSeen[] = {{"socket", 0, kAll32},
                          {"socket", 1, kSocketType},
                          {"socket", 2, kAll32},
                          {"socketpair", 0, kAll32},
                          {"socketpair", 1, kSocketType},
                          {"socketpair", 2, kAll32},
                          {"ioctl", 1, kAll32},
                          {"fcntl", 1, kAll32},
                          {"prctl", 0, kAll32},
                          {"kill", 0, kAll32},
                          {"kill", 1, kAll32},
                          {"open", 1, kAll32},
                          {"openat", 2, kAll32},
                          {"open", 2, kMode},
                          {"openat", 3, kMode},
                          {"creat", 1, kMode},
                          {"chmod", 1, kMode},
                          {"fchmod", 1, kMode},
                          {"fchmodat", 2, kMode},
                          {"mkdir", 1, kDirectoryMode},
                          {"mkdirat", 2, kDirectoryMode},
                          {"mknod", 1, kModeAndType},
                          {"mknodat", 2, kModeAndType}};

// The bits of the argument that count for `condition`.
std::uint64_t bits_that_count(std::string_view call, const ArgumentCondition& condition,
                              Reading reading) {
  for (const Seen& seen : kSeen) {
    const bool covered = (condition.value & ~seen.bits) == 0;
    if (seen.call == call && seen.argument == condition.argument && covered) return seen.bits;
  }
  // A value of more than 32 bits is not about an argument of 32, unless its sign was extended.
  const auto extended = static_cast<std::uint64_t>(
      static_cast<std::int64_t>(static_cast<std::int32_t>(condition.value & kAll32)));
  if (condition.value > kAll32 && condition.value != extended) return kAll64;
  // Fewer bits make every comparison hold more often, but for "not equal".
  const bool fewer = (reading == Reading::kWide) != (condition.compare == Compare::kNotEqual);
  return fewer ? kAll32 : kAll64;
}

struct Half {
  bool high;
  std::uint32_t mask;
  std::uint32_t value;
};

// `then` if (argument & mask) == value.
BpfProgram if_equal(unsigned argument, std::uint64_t mask, std::uint64_t value,
                    const BpfProgram& then) {
  BpfProgram out = then;
  for (const bool high : {true, false}) {
    const auto bits = static_cast<std::uint32_t>(high ? mask >> 32 : mask);
    if (bits == 0) continue;
    BpfProgram outer;
    high ? outer.load_high(argument) : outer.load_low(argument);
    if (bits != kAll32) outer.keep_bits(bits);
    outer.only_if_equal(static_cast<std::uint32_t>(high ? value >> 32 : value), out);
    out = outer;
  }
  return out;
}

// `then` if (argument & mask) != value.
BpfProgram unless_equal(unsigned argument, std::uint64_t mask, std::uint64_t value,
                        const BpfProgram& then) {
  BpfProgram skip;
  skip.pass_over(then);
  BpfProgram out = if_equal(argument, mask, value, skip);
  out.append(then);
  return out;
}

BpfProgram if_one(std::string_view call, const ArgumentCondition& condition, Reading reading,
                  const BpfProgram& then) {
  const std::uint64_t seen = bits_that_count(call, condition, reading);
  const std::uint64_t value = condition.value & seen;
  switch (condition.compare) {
    case Compare::kEqual:
      return if_equal(condition.argument, seen, value, then);
    case Compare::kNotEqual:
      return unless_equal(condition.argument, seen, value, then);
    case Compare::kAllBits:
      return if_equal(condition.argument, value, value, then);
    case Compare::kNoBits:
      return if_equal(condition.argument, value, 0, then);
  }
  return {};
}

}  // namespace

BpfProgram if_arguments(std::string_view call, const std::vector<ArgumentCondition>& conditions,
                        Reading reading, const BpfProgram& then) {
  // From the inside out: each test stands around those after it.
  BpfProgram out = then;
  for (auto condition = conditions.rbegin(); condition != conditions.rend(); ++condition) {
    out = if_one(call, *condition, reading, out);
  }
  return out;
}

}  // namespace mayfly::sandbox
