#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mayfly::sandbox {

// A seccomp program written by hand (bpf(4), seccomp(2)): the instructions that filters may have.
class BpfProgram {
 public:
  // Loads 32 bits at `offset` of seccomp_data.
  void load(std::size_t offset);
  void load_number() { load(offsetof(seccomp_data, nr)); }
  void load_low(unsigned argument);
  void load_high(unsigned argument);
  void keep_bits(std::uint32_t bits);
  void answer(std::uint32_t action);
  // What was loaded is compared with `value`; the jumps count the instructions that they pass over.
  void if_equal(std::uint32_t value, std::uint8_t if_so, std::uint8_t if_not);
  void if_greater(std::uint32_t value, std::uint8_t if_so, std::uint8_t if_not);
  // `body` is run if what was loaded is `value`, and passed over otherwise, however long it is.
  void only_if_equal(std::uint32_t value, const BpfProgram& body);
  // A jump of any length, over as many instructions as `over` has.
  void pass_over(const BpfProgram& over) { pass_over(over.size()); }
  void pass_over(std::size_t instructions);
  void append(const BpfProgram& other);

  std::size_t size() const { return code_.size(); }
  bool empty() const { return code_.empty(); }
  // As the kernel takes it: an array of struct sock_filter.
  std::string bytes() const;

 private:
  void add(sock_filter instruction) { code_.push_back(instruction); }

  std::vector<sock_filter> code_;
};

// What the kernel would answer: the action that `program` returns for `call`. Whatever is no proper
// program of the instructions above is SECCOMP_RET_KILL_PROCESS.
std::uint32_t run_bpf(std::string_view program, const seccomp_data& call);

}  // namespace mayfly::sandbox
