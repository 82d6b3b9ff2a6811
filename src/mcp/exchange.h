#pragma once

#include <memory>
#include <string_view>
#include <variant>

#include "mcp/jsonrpc.h"
#include "mcp/sink.h"

namespace mayfly::mcp {

class Server;
class Session;

// One request on its way through the method of its era.
struct Exchange {
  Server& server;
  Session& session;
  Request request;
  std::shared_ptr<MessageSink> sink;
};

// The method keeps the sink and answers later, or has answered already.
struct Deferred {};
using Outcome = std::variant<Json, RpcError, Deferred>;
using Method = Outcome (*)(Exchange&);

}  // namespace mayfly::mcp
