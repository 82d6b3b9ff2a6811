#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/jsonrpc.h"
#include "mcp/resource.h"
#include "mcp/tool.h"

namespace mayfly::mcp {

// Who this server says it is. Revisions without `title` or `website` leave them out.
struct ServerInfo {
  std::string name = "mayfly";
  std::string title;
  std::string version;
  std::string website;
};

// How one revision of the protocol writes the answers that all of them have. Immutable.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual Json tool_list(const ToolRegistry& tools) const = 0;
  virtual Json tool_result(ToolResult result) const = 0;
  virtual bool has_progress_message() const = 0;
  virtual Json resource_list(std::vector<Resource> resources) const = 0;
  virtual Json resource_template_list(std::vector<ResourceTemplate> templates) const = 0;
  virtual Json resource_contents(std::vector<ResourceContents> contents) const = 0;
  virtual int resource_not_found_code() const = 0;
};

// What the revisions have in common.
// The capability "resources": `updates` is whether they can be subscribed to.
Json resource_abilities(bool updates);
Json content_blocks(std::vector<Content> content);
Json annotations(const ToolAnnotations& hints);
// Without the fields that are empty.
Json resource(Resource given);
Json resource_template(ResourceTemplate given);
Json contents(ResourceContents part);

}  // namespace mayfly::mcp
