#include "mcp/legacy/methods.h"

#include "mcp/legacy/subscriptions.h"
#include "mcp/legacy/wire.h"
#include "mcp/resource_methods.h"
#include "mcp/server.h"
#include "mcp/session.h"
#include "mcp/tool_methods.h"

namespace mayfly::mcp::legacy {
namespace {

std::shared_ptr<const LegacyWire> wire_of(const Exchange& exchange) {
  return std::make_shared<const LegacyWire>(exchange.session.revision().value_or(kLatest));
}

// A revision that we do not know is answered with our latest; the client then decides. A second
// handshake is as good as the first: a proxy may have lost its client.
Outcome initialize(Exchange& exchange) {
  const Json* version = member(exchange.request.params, "protocolVersion");
  if (version == nullptr || !version->is_string()) {
    return rpc_error(rpc::kInvalidParams,
                     input_error(ErrorCode::kInvalidArgument, "protocolVersion", "",
                                 "\"protocolVersion\" must be a string",
                                 "send the revision, such as " + std::string(name_of(kLatest))));
  }
  const Revision revision = revision_named(version->get<std::string>()).value_or(kLatest);
  exchange.session.negotiated(revision);
  const bool updates = exchange.server.options().resources.updates() != nullptr;
  exchange.session.set_client(client_of(member(exchange.request.params, "clientInfo")));
  return LegacyWire(revision).initialize_result(exchange.server.info(), resource_abilities(updates),
                                                exchange.server.instructions());
}

Outcome ping(Exchange&) { return Json::object(); }

Outcome tools_list(Exchange& exchange) { return list_tools(exchange, *wire_of(exchange)); }

Outcome tools_call(Exchange& exchange) { return call_tool(exchange, wire_of(exchange)); }

Outcome resources_list(Exchange& exchange) { return list_resources(exchange, *wire_of(exchange)); }

Outcome resources_templates_list(Exchange& exchange) {
  return list_resource_templates(exchange, *wire_of(exchange));
}

Outcome resources_read(Exchange& exchange) { return read_resource(exchange, wire_of(exchange)); }

struct Row {
  std::string_view name;
  Method method;
};

constexpr Row kMethods[] = {
    {"initialize", initialize},
    {"ping", ping},
    {"tools/list", tools_list},
    {"tools/call", tools_call},
    {"resources/list", resources_list},
    {"resources/templates/list", resources_templates_list},
    {"resources/read", resources_read},
    {"resources/subscribe", subscribe},
    {"resources/unsubscribe", unsubscribe},
};

}  // namespace

Method find_method(std::string_view name) {
  for (const Row& row : kMethods) {
    if (row.name == name) return row.method;
  }
  return nullptr;
}

}  // namespace mayfly::mcp::legacy
