#pragma once

#include <cstdint>
#include <vector>

namespace mayfly::sandbox {

// What a program may ask of the kernel, as data: the filters are compiled from these tables and
// from nothing else.

// One argument that must hold for a call to be allowed: (argument & mask) == value, on the 32 low
// bits unless `mask` says more. Arguments are counted from 0.
struct ArgumentRule {
  unsigned argument;
  std::uint64_t mask;
  std::uint64_t value;
};

// A call that is allowed when every rule of at least one of its rows holds. No rules: always.
struct AllowedCall {
  const char* name;
  std::vector<ArgumentRule> rules;
};

// What no row allows is denied with EPERM and reported. These are the exceptions.
enum class Answer : std::uint8_t {
  kQuiet,   // EPERM; too common and harmless a probe to be worth a line
  kAbsent,  // ENOSYS, as on a kernel without it: libraries then fall back to what is allowed
};

struct DeniedCall {
  const char* name;
  Answer answer;
};

// A group is a purpose; reading their names is reading the policy.
struct SyscallGroup {
  const char* name;
  std::vector<AllowedCall> calls;
  // Those that always go to the supervisor, which does them for the program or lets them go on
  // (supervisor.h). Where there is none they are allowed.
  std::vector<const char*> supervised = {};
};

const std::vector<SyscallGroup>& allowed_groups();

// The supervised ones of all groups.
const std::vector<const char*>& supervised_calls();
// What is allowed only where a supervisor looks at `connect`: no namespace keeps a local socket
// from reaching the host's socket files.
const std::vector<AllowedCall>& calls_needing_supervisor();

const std::vector<DeniedCall>& unreported_calls();

// Where a sandbox shares the host's namespaces, these rows are the only ones of their calls. A call
// without rows is left to the supervisor.
struct NarrowedCall {
  const char* name;
  std::vector<std::vector<ArgumentRule>> rows;
};
const std::vector<NarrowedCall>& narrowed_calls();

}  // namespace mayfly::sandbox
