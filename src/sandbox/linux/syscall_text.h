#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sandbox/linux/ledger.h"
#include "sandbox/linux/listener.h"

namespace mayfly::sandbox {

// A denied call as a person would write it: operation "unshare", target "CLONE_NEWUSER".
struct CallText {
  std::string operation;
  std::string target;
};

// The string at an address of the program's, or nothing. Only for what is denied in any case: the
// program may change it while it is read.
using TextAt = std::function<std::optional<std::string>(std::uint64_t address)>;

// Flags by name, bits without one as a number behind them. Without `text_at` the arguments that are
// strings are left out. A call of another architecture: "foreign_call", "i386 call 20".
CallText describe_call(const seccomp_data& data, const TextAt& text_at = {});

// Whether the call came another way than this architecture's: int 0x80, or the x32 numbers.
bool is_foreign(const seccomp_data& data);

// What the ledger says of a call that was denied with EPERM: by the policy's rule of that number,
// or, if there is none, because no profile allows it. Making a device node is told as what it
// lacks: CAP_MKNOD.
Finding denied_call(const seccomp_data& data, std::optional<std::uint16_t> rule,
                    const TextAt& text_at = {});

// The same with the strings of the thread that waits for the answer; call it before answering.
Finding denied_request(const Listener& listener, const seccomp_notif& request,
                       std::optional<std::uint16_t> rule);

// The capability that a system administrator would need for the call, for words: "CAP_SYS_ADMIN"
// of "mount". Null if the call needs none, or if it depends on more than its name.
const char* capability_for(std::string_view operation);

}  // namespace mayfly::sandbox
