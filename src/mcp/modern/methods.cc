#include "mcp/modern/methods.h"

#include "mcp/era.h"
#include "mcp/modern/listen.h"
#include "mcp/modern/wire.h"
#include "mcp/resource_methods.h"
#include "mcp/server.h"
#include "mcp/tool_methods.h"

namespace mayfly::mcp::modern {
namespace {

const ModernWire& wire_of(const Exchange& exchange) {
  return static_cast<const ModernWire&>(*exchange.server.modern_wire());
}

// Names the modern revision only: a client that read an older one here would claim it in `_meta`.
Outcome discover(Exchange& exchange) {
  const bool updates = exchange.server.options().resources.updates() != nullptr;
  Json body = {
      {"supportedVersions", Json::array({kModernRevision})},
      {"capabilities", {{"tools", Json::object()}, {"resources", resource_abilities(updates)}}}};
  if (std::string text = exchange.server.instructions(); !text.empty()) {
    body["instructions"] = std::move(text);
  }
  return wire_of(exchange).cacheable(std::move(body));
}

Outcome tools_list(Exchange& exchange) { return list_tools(exchange, wire_of(exchange)); }

Outcome tools_call(Exchange& exchange) {
  return call_tool(exchange, exchange.server.modern_wire());
}

Outcome resources_list(Exchange& exchange) { return list_resources(exchange, wire_of(exchange)); }

Outcome resources_templates_list(Exchange& exchange) {
  return list_resource_templates(exchange, wire_of(exchange));
}

Outcome resources_read(Exchange& exchange) {
  return read_resource(exchange, exchange.server.modern_wire());
}

struct Row {
  std::string_view name;
  Method method;
};

constexpr Row kMethods[] = {
    {"server/discover", discover},
    {"tools/list", tools_list},
    {"tools/call", tools_call},
    {"resources/list", resources_list},
    {"resources/templates/list", resources_templates_list},
    {"resources/read", resources_read},
    {"subscriptions/listen", listen},
};

}  // namespace

Method find_method(std::string_view name) {
  for (const Row& row : kMethods) {
    if (row.name == name) return row.method;
  }
  return nullptr;
}

}  // namespace mayfly::mcp::modern
