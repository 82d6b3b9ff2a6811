#include "mcp/wire.h"

#include <utility>

namespace mayfly::mcp {
namespace {

void add(Json& object, const char* name, std::string value) {
  if (!value.empty()) object[name] = std::move(value);
}

struct BlockWriter {
  Json operator()(TextContent& text) const {
    return {{"type", "text"}, {"text", std::move(text.text)}};
  }
  Json operator()(ImageContent& image) const {
    return {{"type", "image"},
            {"data", std::move(image.base64)},
            {"mimeType", std::move(image.mime_type)}};
  }
  Json operator()(ResourceLinkContent& link) const {
    Json block = {{"type", "resource_link"}};
    block.update(resource(std::move(link.resource)));
    return block;
  }
};

}  // namespace

Json content_blocks(std::vector<Content> content) {
  Json blocks = Json::array();
  for (Content& block : content) blocks.push_back(std::visit(BlockWriter{}, block));
  return blocks;
}

Json annotations(const ToolAnnotations& hints) {
  Json out = {{"readOnlyHint", hints.read_only}};
  // The two are defined for tools that write only.
  if (!hints.read_only) {
    out["destructiveHint"] = hints.destructive;
    out["idempotentHint"] = hints.idempotent;
  }
  out["openWorldHint"] = hints.open_world;
  return out;
}

Json resource_abilities(bool updates) {
  return updates ? Json{{"subscribe", true}} : Json::object();
}

Json resource(Resource given) {
  Json out = {{"uri", std::move(given.uri)}, {"name", std::move(given.name)}};
  add(out, "title", std::move(given.title));
  add(out, "description", std::move(given.description));
  add(out, "mimeType", std::move(given.mime_type));
  if (given.size) out["size"] = *given.size;
  return out;
}

Json resource_template(ResourceTemplate given) {
  Json out = {{"uriTemplate", std::move(given.uri_template)}, {"name", std::move(given.name)}};
  add(out, "title", std::move(given.title));
  add(out, "description", std::move(given.description));
  add(out, "mimeType", std::move(given.mime_type));
  return out;
}

Json contents(ResourceContents part) {
  Json out = {{"uri", std::move(part.uri)}};
  add(out, "mimeType", std::move(part.mime_type));
  out[part.form == ResourceContents::Form::kText ? "text" : "blob"] = std::move(part.data);
  if (!part.meta.empty()) out["_meta"] = std::move(part.meta);
  return out;
}

}  // namespace mayfly::mcp
