#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "mcp/exchange.h"
#include "mcp/wire.h"

// What both eras do alike with resources; they differ in how it is written.
namespace mayfly::mcp {

Outcome list_resources(Exchange& exchange, const Wire& wire);
Outcome list_resource_templates(Exchange& exchange, const Wire& wire);
Outcome read_resource(Exchange& exchange, std::shared_ptr<const Wire> wire);

// The URI that a request or a filter names, which may be null. It names a resource or not: only its
// type and its length are looked at.
tl::expected<std::string, RpcError> uri_value(const Json* given);
tl::expected<std::string, RpcError> uri_argument(const Json& params);
// `error` of a provider about `uri`, as the revision says it.
RpcError resource_error(const Error& error, const std::string& uri, const Wire& wire);
Error too_many_subscriptions(std::size_t most);
// The answer to `method` where nothing can be subscribed to, and so no capability says that it can.
RpcError no_subscriptions(const std::string& method);

}  // namespace mayfly::mcp
