#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sandbox/linux/bpf_program.h"
#include "sandbox/linux/seccomp_filter.h"
#include "sandbox/syscall_policy.h"

namespace mayfly::sandbox {

// What of a policy's rules the tables cannot say, as instructions in front of the program that is
// made from the tables: conditions, and calls past the tables. Each call that a rule names has a
// block of its own:
//
//   deny            `refusal`
//   danger_allow    SECCOMP_RET_ALLOW
//   allow           `refusal`, if it has conditions and none of the alternatives holds
//   otherwise       whatever comes next decides
//
// Empty if there is nothing of that. Calls that init does for programs have a block too if they are
// not allowed at all, since for them no row means to ask init. `policy` is one that check_syscalls
// has nothing against.
BpfProgram compile_gate(const SyscallPolicy& policy, std::uint32_t refusal, Namespaces namespaces);

// The same rules as a question, for who answers reported calls: which of them refuses a call? One
// program makes both, so that filter and answer cannot differ.
Result<std::string> compile_refusals(const SyscallPolicy& policy);

// The number of the rule that refuses `call`: for numbered_rule, or kNotAllowed if it is in the
// tables and no rule allows it. Nothing if no rule has anything against it. A program that is
// broken refuses everything.
inline constexpr std::uint16_t kNotAllowed = 0xffff;
std::optional<std::uint16_t> refused_by(std::string_view refusals, const seccomp_data& call);

}  // namespace mayfly::sandbox
