#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace mayfly::app {

// The client's pipe, moved away from where a stray print or a child could touch it.
struct ProtocolFds {
  OwnedFd input;
  OwnedFd output;
};

// Takes descriptors 0 and 1: they are /dev/null and stderr afterwards.
Result<ProtocolFds> take_protocol_fds();

// One line to stderr, dropped if nobody reads there: a client that does not drain our stderr must
// not stop the server.
void log_line(const std::string& line);

}  // namespace mayfly::app
