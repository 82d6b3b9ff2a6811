#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

namespace mayfly::test {

// Runs a seccomp filter on a made-up system call, as the kernel would: the instructions that
// filters may have (loads of the 32-bit words of seccomp_data, jumps, the accumulator's AND,
// returns).
inline std::uint32_t run_filter(const std::string& program, const seccomp_data& data) {
  const std::size_t count = program.size() / sizeof(sock_filter);
  std::uint32_t accumulator = 0;
  for (std::size_t pc = 0; pc < count; ++pc) {
    sock_filter in{};
    std::memcpy(&in, program.data() + pc * sizeof in, sizeof in);
    switch (in.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (in.k + 4 > sizeof data) throw std::runtime_error("load outside of seccomp_data");
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + in.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= in.k;
        break;
      case BPF_JMP | BPF_JA:
        pc += in.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += accumulator == in.k ? in.jt : in.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        pc += accumulator > in.k ? in.jt : in.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        pc += accumulator >= in.k ? in.jt : in.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        pc += (accumulator & in.k) != 0 ? in.jt : in.jf;
        break;
      case BPF_RET | BPF_K:
        return in.k;
      default:
        throw std::runtime_error("instruction " + std::to_string(in.code) + " is not emulated");
    }
  }
  throw std::runtime_error("the program runs off its end");
}

}  // namespace mayfly::test
