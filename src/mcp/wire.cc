#include "mcp/wire.h"

namespace mayfly::mcp {
namespace {

struct BlockWriter {
  Json operator()(TextContent& text) const {
    return {{"type", "text"}, {"text", std::move(text.text)}};
  }
  Json operator()(ImageContent& image) const {
    return {{"type", "image"},
            {"data", std::move(image.base64)},
            {"mimeType", std::move(image.mime_type)}};
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

}  // namespace mayfly::mcp
