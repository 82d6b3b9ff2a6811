#pragma once

#include "base/clock.h"
#include "mcp/wire.h"

// Revision 2026-07-28: each request says its revision and capabilities, each result its type.
namespace mayfly::mcp::modern {

class ModernWire : public Wire {
 public:
  ModernWire(ServerInfo info, milliseconds cache_ttl);
  Json tool_list(const ToolRegistry& tools) const override;
  Json tool_result(ToolResult result) const override;
  bool has_progress_message() const override { return true; }
  Json resource_list(std::vector<Resource> resources) const override;
  Json resource_template_list(std::vector<ResourceTemplate> templates) const override;
  Json resource_contents(std::vector<ResourceContents> contents) const override;
  int resource_not_found_code() const override { return rpc::kInvalidParams; }

  // `body` as a complete result; as one that the client may keep for itself for a while; as one
  // that has to say how long it may be kept, and may not be.
  Json complete(Json body, Json meta = Json::object()) const;
  Json cacheable(Json body) const;
  Json fleeting(Json body) const;

 private:
  Json server_info_;
  std::int64_t cache_ttl_ms_;
};

}  // namespace mayfly::mcp::modern
