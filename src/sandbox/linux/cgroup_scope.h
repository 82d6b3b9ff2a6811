#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace mayfly::sandbox {

// Which systemd is asked: that of the machine for root, else that of the user.
enum class Systemd { kSystem, kUser };

// The words of the call to busctl(1) that has systemd put `pids` into a new scope with delegation.
std::vector<std::string> scope_request(Systemd systemd, const std::string& scope,
                                       const std::vector<pid_t>& pids);

// busctl where distributions have it; empty if there is none. Not by PATH: a server is often
// started with directories of a workspace in it, and what is there is not the operator's.
std::string find_busctl();

// Asks, and waits until this process is in another group; two seconds at most.
Status enter_scope(const std::string& busctl, const std::vector<pid_t>& pids);

}  // namespace mayfly::sandbox
