#pragma once

#include <memory>

#include "mcp/exchange.h"
#include "mcp/wire.h"

// What both eras do alike with resources; they differ in how it is written.
namespace mayfly::mcp {

Outcome list_resources(Exchange& exchange, const Wire& wire);
Outcome list_resource_templates(Exchange& exchange, const Wire& wire);
Outcome read_resource(Exchange& exchange, std::shared_ptr<const Wire> wire);

}  // namespace mayfly::mcp
