#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <vector>

#include "sandbox/linux/seccomp_filter.h"
#include "sandbox/linux/syscall_rules.h"
#include "sandbox/observation.h"

namespace mayfly::sandbox {

// System calls that the tables allow and that may fail because of the sandbox: a file that lies
// outside, an address that nothing leads to. The filter sends them to the listener, so that what is
// denied can be told by name; whether they succeed is up to the kernel, as without it (observer.h).

// Who knows what becomes of a call.
enum class Subject : std::uint8_t {
  kPath,        // path_verdict.h
  kNetwork,     // network_verdict.h
  kCapability,  // capability_verdict.h
};

// Rows of arguments with which a call cannot be denied by the sandbox, or with which nobody wants
// to know: it is not sent to the listener.
using UnnoticedRows = std::vector<std::vector<ArgumentRule>>;

struct ObservedCall {
  const char* name;
  Subject subject;
  // By level. One row without rules: not observed at all.
  UnnoticedRows at_writes;
  UnnoticedRows at_all;
};

const std::vector<ObservedCall>& observed_calls();

// As the fourth argument of execve(2), of which the kernel takes three, and as the fifth of
// prlimit64, of which it takes four, it keeps the call from the listener: who starts the program
// waits for it, and would not answer. A program that does the same only keeps a denial of its own
// from being told.
inline constexpr std::uint64_t kUnnoticedExec = 0x6d6179666c79;

// The rows that still pass unnoticed; null if `name` is not observed at that level.
const UnnoticedRows* unnoticed_rows(const char* name, ObserveLevel level);

// The observed call of that number, or null.
const ObservedCall* observed_call(int number);

// Whether the tables' rows allow `call`, as the filter has it. Only registers are looked at.
bool tables_allow(const seccomp_data& call, Namespaces namespaces);

}  // namespace mayfly::sandbox
