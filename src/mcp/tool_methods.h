#pragma once

#include <memory>

#include "mcp/exchange.h"
#include "mcp/wire.h"

// What both eras do alike; they differ in how it is written.
namespace mayfly::mcp {

Outcome list_tools(Exchange& exchange, const Wire& wire);
// Name and version of a `clientInfo`, each one short line; null if there is none.
Json client_of(const Json* info);
Outcome call_tool(Exchange& exchange, std::shared_ptr<const Wire> wire);

}  // namespace mayfly::mcp
