#pragma once

#include <cstddef>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "mcp/server.h"
#include "mcp/transport/outbox.h"

// MCP over a pair of descriptors, one message a line.
//
// The calling thread reads and dispatches; one thread writes; the server's workers run the
// handlers; answers come from any thread. The reader waits for nothing but input and, while too
// much is waiting to be written, for room. No thread here touches the process's signal handlers;
// the writer blocks SIGPIPE for itself.
namespace mayfly::mcp {

struct StdioOptions {
  std::size_t max_line = std::size_t{16} << 20;
  OutboxLimits outbox;
  // Readable: stop, as if the input had ended. Not owned, not read; -1: none.
  int stop_fd = -1;
  // How long handlers may take to stop, and then how long the peer may take to read what is left.
  milliseconds grace{2'000};
};

struct StdioEnd {
  enum class Why { kEndOfInput, kStopped, kOutputClosed, kInputFailed };
  Why why = Why::kEndOfInput;
  int os_errno = 0;                  // of kInputFailed
  std::size_t unfinished_calls = 0;  // handlers that were still at work when the grace time ended
  bool flushed = true;               // everything that was queued has been written
};

// Serves one client until its input ends; its output is closed when this returns. Everything in
// flight is withdrawn then: a client that closes its end wants no more answers. With
// `unfinished_calls`, do not destroy the server: its workers would be waited for.
Result<StdioEnd> serve_stdio(Server& server, OwnedFd input, OwnedFd output,
                             const StdioOptions& options);

}  // namespace mayfly::mcp
