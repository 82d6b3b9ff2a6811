#pragma once

#include <cstdint>
#include <string>

#include "sandbox/report.h"

// What the parts that watch a call say of a denial, in the fewest words; violation_words.h makes a
// Violation of it.
namespace mayfly::sandbox {

// Which rule was broken; the server knows its words.
enum class BrokenRule : std::uint8_t {
  kSystemCalls,  // no profile allows the call
  kUnixSockets,
  kProfileCalls,  // the profile refuses it; Finding::number says by which of its rules
  kForeignCalls,  // of another architecture
  kReadOnly,      // what is there may be read, and is not to be changed
  kDenied,        // a rule keeps it from being opened
  kHidden,        // the sandbox does not have it; whether anybody misses it, the server knows
  kProtected,     // it would be run by programs of the host
  kOutside,       // Tier::kLandlock: no rule has it
  kNetwork,       // nothing outside of the sandbox's own network is reached
  kNames,         // a host name that nobody resolves
  kPorts,         // a port that needs a privilege
  kCapabilities,  // needs one that the sandbox does not have
};

// One kind of violation.
struct Finding {
  ViolationKind kind = ViolationKind::kSyscall;
  BrokenRule rule = BrokenRule::kSystemCalls;
  std::string operation;  // cut at kMaxOperation bytes (ledger.h)
  std::string target;     // cut in the middle, visibly, at kMaxTarget bytes; not to be trusted
  int error = 0;          // what the program was answered, as errno
  std::uint64_t count = 1;
  std::uint16_t number = 0;  // of a rule (syscall_gate.h)
  // Of all kinds that the ledger has a place for, the how many-th.
  std::uint32_t order = 0;
};

}  // namespace mayfly::sandbox
