#pragma once

#include <optional>

#include "mcp/jsonrpc.h"

namespace mayfly::mcp {

// Every list of this server is one page: the refusal of `params` that name a cursor, which cannot
// be ours.
std::optional<RpcError> refused_cursor(const Json& params);

}  // namespace mayfly::mcp
