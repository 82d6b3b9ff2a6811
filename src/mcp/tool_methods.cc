#include "mcp/tool_methods.h"

#include <utility>

#include "base/text.h"
#include "mcp/call.h"
#include "mcp/paging.h"
#include "mcp/session.h"

namespace mayfly::mcp {
namespace {

// Refuses before there is a call, and tells the witness.
class Refusal {
 public:
  Refusal(Exchange& exchange, const Json& client) : exchange_(exchange), client_(client) {}

  RpcError operator()(const std::string& tool, const Json& arguments, const Error& error) const {
    tell(tool, arguments, error);
    return rpc_error(rpc::kInvalidParams, error);
  }
  void tell(const std::string& tool, const Json& arguments, const Error& error) const {
    Witness* witness = exchange_.server.options().witness;
    if (witness == nullptr) return;
    witness->refused({tool, arguments, exchange_.session.principal(), client_}, {error});
  }

 private:
  Exchange& exchange_;
  const Json& client_;
};

Error unknown_tool(const ToolRegistry& tools, const std::string& name) {
  constexpr std::size_t kLongestName = 64;
  std::vector<std::string> names;
  for (const auto& entry : tools.entries()) names.push_back(entry.spec.name);
  const std::string near = name.size() <= kLongestName ? text::nearest(name, names) : "";
  const std::string shown = text::shorten(text::one_line(name), kLongestName);
  return input_error(
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

// A modern request says it itself, a legacy client once for all.
Json caller_of(const Exchange& exchange, const Json* meta) {
  const Json* said = meta != nullptr ? member(*meta, meta_key::kClientInfo) : nullptr;
  return said != nullptr ? client_of(said) : exchange.session.client();
}

}  // namespace

Json client_of(const Json* info) {
  constexpr std::size_t kLongest = 128;
  Json out;
  for (const char* name : {"name", "version"}) {
    const Json* said = info != nullptr ? member(*info, name) : nullptr;
    if (said == nullptr || !said->is_string()) continue;
    out[name] = text::shorten(text::one_line(said->get_ref<const std::string&>()), kLongest);
  }
  return out;
}

Outcome list_tools(Exchange& exchange, const Wire& wire) {
  if (auto refused = refused_cursor(exchange.request.params)) return std::move(*refused);
  return wire.tool_list(exchange.server.tools()->registry);
}

Outcome call_tool(Exchange& exchange, std::shared_ptr<const Wire> wire) {
  Server& server = exchange.server;
  Json& params = exchange.request.params;
  const Json* meta = member(params, "_meta");
  const Json client = caller_of(exchange, meta);
  const Refusal refused(exchange, client);
  const Json* name = member(params, "name");
  if (name == nullptr || !name->is_string()) {
    return refused("", Json(),
                   input_error(ErrorCode::kInvalidArgument, "name", "", "\"name\" must be a string",
                               "give the name of a tool"));
  }
  if (server.options().startup_error) {
    return wire->tool_result(error_result(*server.options().startup_error));
  }
  const auto tools = server.tools();
  const Server::Tool* tool = tools->find(name->get<std::string>());
  const auto called = name->get<std::string>();
  if (tool == nullptr) return refused(called, Json(), unknown_tool(tools->registry, called));
  auto arguments = arguments_of(params);
  if (!arguments) {
    return refused(
        called, Json(),
        input_error(ErrorCode::kInvalidArgument, "arguments", "", "\"arguments\" must be an object",
                    "give an object, or leave it out for none"));
  }
  const auto& table = exchange.session.in_flight();
  CallSlot slot = CallSlot::take(server.slots(), table);
  if (!slot.valid()) {
    refused.tell(called, *arguments, busy(*server.slots()));
    return wire->tool_result(error_result(busy(*server.slots())));
  }

  ToolCall call{tool->entry->spec.name,
                std::move(*arguments),
                exchange.session.principal(),
                meta != nullptr ? *meta : Json::object(),
                CancelToken(),
                client};
  Json token = progress_token(call.meta);
  const RequestId id = exchange.request.id;
  auto started = std::make_shared<Call>(Call::Setup{
      id, std::move(call), std::move(token), tool->entry->spec.output_schema.has_value(), wire,
      exchange.sink, table, std::move(slot), server.options().log, server.options().witness});
  if (!table->add(id, started)) {
    refused.tell(called, Json(),
                 input_error(ErrorCode::kInvalidArgument, "id", "",
                             "a request with this id is still being worked on", ""));
    return RpcError{rpc::kInvalidRequest, "a request with this id is still being worked on", {}};
  }
  if (!server.workers().post([started, tools, tool] { started->run(*tool); })) {
    refused.tell(called, Json(), busy(*server.slots()));
    started->finish(error_result(busy(*server.slots())));
  }
  return Deferred{};
}

}  // namespace mayfly::mcp
