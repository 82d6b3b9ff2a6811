#include "mcp/tool_methods.h"

#include <utility>

#include "base/text.h"
#include "mcp/call.h"
#include "mcp/paging.h"
#include "mcp/session.h"

namespace mayfly::mcp {
namespace {

RpcError refused(ErrorCode code, std::string_view field, std::string_view value,
                 std::string_view message, std::string_view remedy) {
  return rpc_error(rpc::kInvalidParams, input_error(code, field, value, message, remedy));
}

RpcError unknown_tool(const ToolRegistry& tools, const std::string& name) {
  constexpr std::size_t kLongestName = 64;
  std::vector<std::string> names;
  for (const auto& entry : tools.entries()) names.push_back(entry.spec.name);
  const std::string near = name.size() <= kLongestName ? text::nearest(name, names) : "";
  const std::string shown = text::shorten(text::one_line(name), kLongestName);
  return refused(
      ErrorCode::kNotFound, "name", shown, "unknown tool \"" + shown + "\"",
      near.empty() ? "the tools are " + text::join(names, ", ") : "call \"" + near + "\"");
}

Error busy(const CallSlots& slots) {
  Error error;
  error.code = ErrorCode::kBusy;
  error.message = std::to_string(slots.taken()) + " calls are being worked on, the most is " +
                  std::to_string(slots.limit());
  error.remedy = "wait for one to end, then call again";
  return error;
}

// The arguments as an object. Some clients send null for none, or the object as text.
std::optional<Json> arguments_of(Json& params) {
  const auto given = params.find("arguments");
  if (given == params.end() || given->is_null()) return Json::object();
  if (given->is_object()) return std::move(*given);
  if (!given->is_string()) return std::nullopt;
  auto parsed = parse_json(given->get_ref<const std::string&>());
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(*parsed);
}

// Null unless the client asked for progress. A token of another type is not one.
Json progress_token(const Json& meta) {
  const Json* token = member(meta, meta_key::kProgressToken);
  return token != nullptr && RequestId::from_json(*token) ? *token : Json();
}

}  // namespace

Outcome list_tools(Exchange& exchange, const Wire& wire) {
  if (auto refused = refused_cursor(exchange.request.params)) return std::move(*refused);
  return wire.tool_list(exchange.server.tools()->registry);
}

Outcome call_tool(Exchange& exchange, std::shared_ptr<const Wire> wire) {
  Server& server = exchange.server;
  Json& params = exchange.request.params;
  const Json* name = member(params, "name");
  if (name == nullptr || !name->is_string()) {
    return refused(ErrorCode::kInvalidArgument, "name", "", "\"name\" must be a string",
                   "give the name of a tool");
  }
  if (server.options().startup_error) {
    return wire->tool_result(error_result(*server.options().startup_error));
  }
  const auto tools = server.tools();
  const Server::Tool* tool = tools->find(name->get<std::string>());
  if (tool == nullptr) return unknown_tool(tools->registry, name->get<std::string>());
  auto arguments = arguments_of(params);
  if (!arguments) {
    return refused(ErrorCode::kInvalidArgument, "arguments", "", "\"arguments\" must be an object",
                   "give an object, or leave it out for none");
  }
  const auto& table = exchange.session.in_flight();
  CallSlot slot = CallSlot::take(server.slots(), table);
  if (!slot.valid()) return wire->tool_result(error_result(busy(*server.slots())));

  const Json* meta = member(params, "_meta");
  ToolCall call{tool->entry->spec.name, std::move(*arguments), exchange.session.principal(),
                meta != nullptr ? *meta : Json::object(), CancelToken()};
  Json token = progress_token(call.meta);
  const RequestId id = exchange.request.id;
  auto started = std::make_shared<Call>(Call::Setup{
      id, std::move(call), std::move(token), tool->entry->spec.output_schema.has_value(), wire,
      exchange.sink, table, std::move(slot), server.options().log});
  if (!table->add(id, started)) {
    return RpcError{rpc::kInvalidRequest, "a request with this id is still being worked on", {}};
  }
  if (!server.workers().post([started, tools, tool] { started->run(*tool); })) {
    started->finish(error_result(busy(*server.slots())));
  }
  return Deferred{};
}

}  // namespace mayfly::mcp
