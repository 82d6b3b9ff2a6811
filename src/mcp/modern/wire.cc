#include "mcp/modern/wire.h"

#include <utility>

#include "mcp/era.h"

namespace mayfly::mcp::modern {
namespace {

Json implementation(const ServerInfo& info) {
  Json out = {{"name", info.name}, {"version", info.version}};
  if (!info.title.empty()) out["title"] = info.title;
  if (!info.website.empty()) out["websiteUrl"] = info.website;
  return out;
}

Json tool(const ToolSpec& spec) {
  Json out = {{"name", spec.name}};
  if (!spec.title.empty()) out["title"] = spec.title;
  out["description"] = spec.description;
  out["inputSchema"] = spec.input_schema;
  if (spec.output_schema) out["outputSchema"] = *spec.output_schema;
  out["annotations"] = annotations(spec.annotations);
  if (!spec.meta.empty()) out["_meta"] = spec.meta;
  return out;
}

}  // namespace

ModernWire::ModernWire(ServerInfo info, milliseconds cache_ttl)
    : server_info_(implementation(info)), cache_ttl_ms_(cache_ttl.count()) {}

Json ModernWire::complete(Json body, Json meta) const {
  body["resultType"] = "complete";
  meta[std::string(meta_key::kServerInfo)] = server_info_;
  body["_meta"] = std::move(meta);
  return body;
}

// Private: what is listed may come to depend on who asks, and instructions name directories.
Json ModernWire::cacheable(Json body) const {
  body["ttlMs"] = cache_ttl_ms_;
  body["cacheScope"] = "private";
  return complete(std::move(body));
}

Json ModernWire::fleeting(Json body) const {
  body["ttlMs"] = 0;
  body["cacheScope"] = "private";
  return complete(std::move(body));
}

Json ModernWire::tool_list(const ToolRegistry& tools) const {
  Json list = Json::array();
  for (const auto& entry : tools.entries()) list.push_back(tool(entry.spec));
  return cacheable({{"tools", std::move(list)}});
}

Json ModernWire::tool_result(ToolResult result) const {
  Json body = {{"content", content_blocks(std::move(result.content))}};
  if (result.structured) body["structuredContent"] = std::move(*result.structured);
  if (result.is_error) body["isError"] = true;
  Json meta = result.meta.is_object() ? std::move(result.meta) : Json::object();
  return complete(std::move(body), std::move(meta));
}

// Jobs come and go, and their output grows.
Json ModernWire::resource_list(std::vector<Resource> resources) const {
  Json list = Json::array();
  for (Resource& each : resources) list.push_back(resource(std::move(each)));
  return fleeting({{"resources", std::move(list)}});
}

Json ModernWire::resource_template_list(std::vector<ResourceTemplate> templates) const {
  Json list = Json::array();
  for (ResourceTemplate& each : templates) list.push_back(resource_template(std::move(each)));
  return cacheable({{"resourceTemplates", std::move(list)}});
}

Json ModernWire::resource_contents(std::vector<ResourceContents> parts) const {
  Json list = Json::array();
  for (ResourceContents& each : parts) list.push_back(contents(std::move(each)));
  return fleeting({{"contents", std::move(list)}});
}

}  // namespace mayfly::mcp::modern
