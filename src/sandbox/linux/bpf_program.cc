#include "sandbox/linux/bpf_program.h"

#include <bit>
#include <cstring>
#include <limits>

namespace mayfly::sandbox {
namespace {

// Where the halves of a 64-bit argument are.
constexpr std::size_t kHalf = sizeof(std::uint32_t);
constexpr std::size_t kLow = std::endian::native == std::endian::little ? 0 : kHalf;
constexpr std::size_t kHigh = kHalf - kLow;

constexpr std::size_t offset_of(unsigned argument) {
  return offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t);
}

}  // namespace

void BpfProgram::load(std::size_t offset) {
  add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
}

void BpfProgram::load_low(unsigned argument) { load(offset_of(argument) + kLow); }
void BpfProgram::load_high(unsigned argument) { load(offset_of(argument) + kHigh); }

void BpfProgram::keep_bits(std::uint32_t bits) { add(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits)); }

void BpfProgram::answer(std::uint32_t action) { add(BPF_STMT(BPF_RET | BPF_K, action)); }

void BpfProgram::if_equal(std::uint32_t value, std::uint8_t if_so, std::uint8_t if_not) {
  add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, if_so, if_not));
}

void BpfProgram::if_greater(std::uint32_t value, std::uint8_t if_so, std::uint8_t if_not) {
  add(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, value, if_so, if_not));
}

void BpfProgram::pass_over(std::size_t instructions) {
  add(BPF_JUMP(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(instructions), 0, 0));
}

// A conditional jump reaches 255 instructions, one without a condition any number.
void BpfProgram::only_if_equal(std::uint32_t value, const BpfProgram& body) {
  if (body.size() <= std::numeric_limits<std::uint8_t>::max()) {
    if_equal(value, 0, static_cast<std::uint8_t>(body.size()));
  } else {
    if_equal(value, 1, 0);
    pass_over(body);
  }
  append(body);
}

void BpfProgram::append(const BpfProgram& other) {
  code_.insert(code_.end(), other.code_.begin(), other.code_.end());
}

std::string BpfProgram::bytes() const {
  return {reinterpret_cast<const char*>(code_.data()), code_.size() * sizeof(sock_filter)};
}

std::uint32_t run_bpf(std::string_view program, const seccomp_data& call) {
  constexpr std::uint32_t kWrong = SECCOMP_RET_KILL_PROCESS;
  const std::size_t count = program.size() / sizeof(sock_filter);
  std::uint32_t loaded = 0;
  for (std::size_t at = 0; at < count; ++at) {
    sock_filter in{};
    std::memcpy(&in, program.data() + at * sizeof in, sizeof in);
    switch (in.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (in.k > sizeof call - sizeof loaded) return kWrong;
        std::memcpy(&loaded, reinterpret_cast<const char*>(&call) + in.k, sizeof loaded);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        loaded &= in.k;
        break;
      case BPF_JMP | BPF_JA:
        at += in.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += loaded == in.k ? in.jt : in.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        at += loaded > in.k ? in.jt : in.jf;
        break;
      case BPF_RET | BPF_K:
        return in.k;
      default:
        return kWrong;
    }
  }
  return kWrong;
}

}  // namespace mayfly::sandbox
