#include "mcp/legacy/wire.h"

#include <utility>

namespace mayfly::mcp::legacy {
namespace {

// What a revision without links shows in the place of one.
TextContent in_words(const Resource& link) {
  std::string line = link.name + ": " + link.uri;
  if (link.size) line += " (" + std::to_string(*link.size) + " bytes)";
  return {std::move(line)};
}

}  // namespace

Json LegacyWire::initialize_result(const ServerInfo& info, Json resource_abilities,
                                   std::string instructions) const {
  Json who = {{"name", info.name}, {"version", info.version}};
  if (revision_ >= Revision::k2025_06_18 && !info.title.empty()) who["title"] = info.title;
  if (revision_ >= Revision::k2025_11_25 && !info.website.empty()) {
    who["websiteUrl"] = info.website;
  }
  Json body = {
      {"protocolVersion", name_of(revision_)},
      {"capabilities", {{"tools", Json::object()}, {"resources", std::move(resource_abilities)}}},
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
  if (revision_ >= Revision::k2025_06_18 && !spec.meta.empty()) out["_meta"] = spec.meta;
  return out;
}

Json LegacyWire::tool_list(const ToolRegistry& tools) const {
  Json list = Json::array();
  for (const auto& entry : tools.entries()) list.push_back(tool(entry.spec));
  return {{"tools", std::move(list)}};
}

Json LegacyWire::tool_result(ToolResult result) const {
  if (!has_titles_and_links()) {
    for (Content& block : result.content) {
      if (const auto* link = std::get_if<ResourceLinkContent>(&block)) {
        block = in_words(link->resource);
      }
    }
  }
  Json body = {{"content", content_blocks(std::move(result.content))}};
  if (revision_ >= Revision::k2025_06_18 && result.structured) {
    body["structuredContent"] = std::move(*result.structured);
  }
  if (result.is_error) body["isError"] = true;
  if (result.meta.is_object() && !result.meta.empty()) body["_meta"] = std::move(result.meta);
  return body;
}

Json LegacyWire::resource_list(std::vector<Resource> resources) const {
  Json list = Json::array();
  for (Resource& each : resources) {
    if (!has_titles_and_links()) each.title.clear();
    list.push_back(resource(std::move(each)));
  }
  return {{"resources", std::move(list)}};
}

Json LegacyWire::resource_template_list(std::vector<ResourceTemplate> templates) const {
  Json list = Json::array();
  for (ResourceTemplate& each : templates) {
    if (!has_titles_and_links()) each.title.clear();
    list.push_back(resource_template(std::move(each)));
  }
  return {{"resourceTemplates", std::move(list)}};
}

// Where contents have no `_meta`, the result has it: a reader must not lose where to go on.
Json LegacyWire::resource_contents(std::vector<ResourceContents> parts) const {
  Json list = Json::array();
  Json meta = Json::object();
  for (ResourceContents& each : parts) {
    if (!has_titles_and_links()) meta.update(std::exchange(each.meta, Json::object()));
    list.push_back(contents(std::move(each)));
  }
  Json body = {{"contents", std::move(list)}};
  if (!meta.empty()) body["_meta"] = std::move(meta);
  return body;
}

}  // namespace mayfly::mcp::legacy
