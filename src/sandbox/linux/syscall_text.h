#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <string>

#include "sandbox/linux/ledger.h"

namespace mayfly::sandbox {

// A denied call as a person would write it: operation "unshare", target "CLONE_NEWUSER". Only
// arguments that are values are shown; what a pointer points to is the program's to change.
struct CallText {
  std::string operation;
  std::string target;
};
CallText describe_call(const seccomp_data& data);

// What the ledger says of a call that was denied: by the policy's rule of that number, or, if there
// is none, because no profile allows it.
Finding denied_call(const seccomp_data& data, std::optional<std::uint16_t> rule);

}  // namespace mayfly::sandbox
