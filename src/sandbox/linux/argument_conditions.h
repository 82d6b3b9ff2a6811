#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sandbox/linux/bpf_program.h"
#include "sandbox/syscall_policy.h"

namespace mayfly::sandbox {

// How a condition is read where it is not known how many bits of an argument the kernel looks at
// (syscall_policy.h).
enum class Reading {
  kWide,    // it holds if it does for 32 bits or for 64: what is denied
  kStrict,  // for both: what is allowed
};

// Instructions that run `then` if all conditions on `call` hold, and pass over it if not. What is
// loaded afterwards is not defined.
BpfProgram if_arguments(std::string_view call, const std::vector<ArgumentCondition>& conditions,
                          Reading reading, const BpfProgram& then);

}  // namespace mayfly::sandbox
