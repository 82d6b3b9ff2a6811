#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/engine.h"

namespace mayfly::sandbox {

// The two ends of a pseudo-terminal (pty(7)). The slave is the program's; who has the master types
// and reads, so it is for the server alone.
struct OpenTerminal {
  OwnedFd master;
  OwnedFd slave;
};

// Opens a new one of the devpts that `multiplexer` is of (a /dev/ptmx): unlocked, of that size, for
// UTF-8, owned by this process's user. It is nobody's controlling terminal yet. Needs no path of
// the slave's.
Result<OpenTerminal> open_terminal(const std::string& multiplexer, const Terminal& size);

// Makes all three streams the slave.
Status use_as_streams(const OpenTerminal& terminal, OwnedFd (&streams)[3]);

}  // namespace mayfly::sandbox
