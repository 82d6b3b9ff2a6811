#include "mcp/legacy/wire.h"

#include <utility>

namespace mayfly::mcp::legacy {

Json LegacyWire::initialize_result(const ServerInfo& info, std::string instructions) const {
  Json who = {{"name", info.name}, {"version", info.version}};
  if (revision_ >= Revision::k2025_06_18 && !info.title.empty()) who["title"] = info.title;
  if (revision_ >= Revision::k2025_11_25 && !info.website.empty()) {
    who["websiteUrl"] = info.website;
  }
  Json body = {{"protocolVersion", name_of(revision_)},
               {"capabilities", {{"tools", Json::object()}}},
               {"serverInfo", std::move(who)}};
  if (!instructions.empty()) body["instructions"] = std::move(instructions);
  return body;
}

Json LegacyWire::tool(const ToolSpec& spec) const {
  Json out = {{"name", spec.name}};
  if (revision_ >= Revision::k2025_06_18 && !spec.title.empty()) out["title"] = spec.title;
  out["description"] = spec.description;
  out["inputSchema"] = spec.input_schema;
  if (revision_ >= Revision::k2025_06_18 && spec.output_schema) {
    out["outputSchema"] = *spec.output_schema;
  }
  if (revision_ >= Revision::k2025_03_26) {
    Json hints = annotations(spec.annotations);
    // The only place that revision has for a title.
    if (revision_ == Revision::k2025_03_26 && !spec.title.empty()) hints["title"] = spec.title;
    out["annotations"] = std::move(hints);
  }
  if (revision_ >= Revision::k2025_11_25) out["execution"] = {{"taskSupport", "forbidden"}};
  if (revision_ >= Revision::k2025_06_18 && !spec.meta.empty()) out["_meta"] = spec.meta;
  return out;
}

Json LegacyWire::tool_list(const ToolRegistry& tools) const {
  Json list = Json::array();
  for (const auto& entry : tools.entries()) list.push_back(tool(entry.spec));
  return {{"tools", std::move(list)}};
}

Json LegacyWire::tool_result(ToolResult result) const {
  Json body = {{"content", content_blocks(std::move(result.content))}};
  if (revision_ >= Revision::k2025_06_18 && result.structured) {
    body["structuredContent"] = std::move(*result.structured);
  }
  if (result.is_error) body["isError"] = true;
  if (result.meta.is_object() && !result.meta.empty()) body["_meta"] = std::move(result.meta);
  return body;
}

}  // namespace mayfly::mcp::legacy
