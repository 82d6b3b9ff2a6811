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

}  // namespace

Result<std::unique_ptr<Server>> Server::make(ServerInfo info,
                                             std::function<std::string()> instructions,
                                             ToolRegistry tools, ServerOptions options) {
  std::unique_ptr<Server> server(new Server());
  server->info_ = std::move(info);
  server->instructions_ = std::move(instructions);
  server->tools_ = std::move(tools);
  server->options_ = std::move(options);
  if (auto compiled = server->compile_tools(); !compiled) return fail(std::move(compiled).error());
  server->slots_ = std::make_shared<CallSlots>(server->options_.max_calls);
  server->modern_wire_ =
      std::make_shared<modern::ModernWire>(server->info_, server->options_.cache_ttl);
  server->workers_ =
      std::make_unique<WorkerPool>(server->options_.workers, server->options_.max_calls);
  return server;
}

Status Server::compile_tools() {
  for (const auto& entry : tools_.entries()) {
    const ToolSpec& spec = entry.spec;
    if (!is_tool_name(spec.name)) {
      return fail(unusable(spec.name, "names have 1 to 40 characters of a-z, 0-9 and _"));
    }
    if (find_tool(spec.name) != nullptr) return fail(unusable(spec.name, "is registered twice"));
    if (auto root = check_root(spec.name, spec.input_schema, "the input schema"); !root)
      return root;
    if (spec.output_schema) {
      auto root = check_root(spec.name, *spec.output_schema, "the output schema");
      if (!root) return root;
    }
    auto input = Schema::compile(spec.input_schema);
    if (!input) return fail(unusable(spec.name, input.error().message));
    compiled_.push_back({&entry, std::move(*input)});
  }
  return {};
}

std::string Server::instructions() const {
  return instructions_ ? text::shorten(text::repair_utf8(instructions_()), kMaxInstructions) : "";
}

const Server::Tool* Server::find_tool(const std::string& name) const {
  for (const Tool& tool : compiled_) {
    if (tool.entry->spec.name == name) return &tool;
  }
  return nullptr;
}

}  // namespace mayfly::mcp
