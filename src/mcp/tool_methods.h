#pragma once

#include <memory>

#include "mcp/exchange.h"
#include "mcp/wire.h"

// What both eras do alike; they differ in how it is written.
namespace mayfly::mcp {

Outcome list_tools(Exchange& exchange, const Wire& wire);
Outcome call_tool(Exchange& exchange, std::shared_ptr<const Wire> wire);

}  // namespace mayfly::mcp
