#pragma once

#include "mcp/jsonrpc.h"

namespace mayfly::mcp {

// Where the messages about one incoming message go: on stdio the one pipe, on HTTP the response of
// that POST. Called from any thread, also after the peer is gone; must not block and must not call
// back into the session. Notifications may be dropped while too much waits for the peer, but not
// those that come `once`, whose number is bounded: while one waits, its like are dropped.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  // Every request ends in exactly one kResult, kError or kRefusal, or in `nothing_more`.
  virtual void send(Outgoing message) = 0;
  // The request was withdrawn: no answer will come.
  virtual void nothing_more() {}
};

}  // namespace mayfly::mcp
