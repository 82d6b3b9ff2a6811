#include "mcp/server.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "mcp/modern/wire.h"

namespace mayfly::mcp {
namespace {

constexpr std::size_t kMaxInstructions = 2048;

bool is_tool_name(const std::string& name) {
  constexpr std::size_t kLongestName = 40;
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

Error unusable(const std::string& tool, std::string_view why) {
  return input_error(ErrorCode::kInvalidConfiguration, "tool", tool, why, "");
}

Status check_root(const std::string& tool, const Json& schema, const char* which) {
  const Json* type = member(schema, "type");
  if (type == nullptr || *type != "object") {
    return fail(unusable(tool, std::string(which) + " must have root type \"object\""));
  }
  for (const char* keyword : {"oneOf", "anyOf", "allOf"}) {
    if (schema.contains(keyword)) {
      return fail(unusable(tool, std::string(which) + " must not have " + keyword +
                                     " at its root: some model APIs refuse every tool then"));
    }
  }
  return {};
}

Result<std::shared_ptr<const Server::Toolbox>> compile(ToolRegistry tools) {
  auto out = std::make_shared<Server::Toolbox>();
  out->registry = std::move(tools);
  for (const auto& entry : out->registry.entries()) {
    const ToolSpec& spec = entry.spec;
    if (!is_tool_name(spec.name)) {
      return fail(unusable(spec.name, "names have 1 to 40 characters of a-z, 0-9 and _"));
    }
    if (out->find(spec.name) != nullptr) return fail(unusable(spec.name, "is registered twice"));
    TRY(check_root(spec.name, spec.input_schema, "the input schema"));
    if (spec.output_schema) {
      TRY(check_root(spec.name, *spec.output_schema, "the output schema"));
    }
    auto input = Schema::compile(spec.input_schema);
    if (!input) return fail(unusable(spec.name, input.error().message));
    out->compiled.push_back({&entry, std::move(*input)});
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::make(ServerInfo info,
                                             std::function<std::string()> instructions,
                                             ToolRegistry tools, ServerOptions options) {
  std::unique_ptr<Server> server(new Server());
  server->info_ = std::move(info);
  server->instructions_ = std::move(instructions);
  server->options_ = std::move(options);
  TRY(server->replace_tools(std::move(tools)));
  server->slots_ = std::make_shared<CallSlots>(server->options_.max_calls);
  server->modern_wire_ =
      std::make_shared<modern::ModernWire>(server->info_, server->options_.cache_ttl);
  server->workers_ =
      std::make_unique<WorkerPool>(server->options_.workers, server->options_.max_calls);
  return server;
}

std::shared_ptr<const Server::Toolbox> Server::tools() const {
  const std::lock_guard lock(tools_mutex_);
  return tools_;
}

Status Server::replace_tools(ToolRegistry tools) {
  auto compiled = TRY(compile(std::move(tools)));
  const std::lock_guard lock(tools_mutex_);
  tools_ = std::move(compiled);
  return {};
}

std::string Server::instructions() const {
  return instructions_ ? text::shorten(text::repair_utf8(instructions_()), kMaxInstructions) : "";
}

const Server::Tool* Server::Toolbox::find(const std::string& name) const {
  for (const Tool& tool : compiled) {
    if (tool.entry->spec.name == name) return &tool;
  }
  return nullptr;
}

}  // namespace mayfly::mcp
