#pragma once

#include <memory>

#include "mcp/legacy/revision.h"
#include "mcp/wire.h"

namespace mayfly::mcp::legacy {

// Writes only the fields that its revision has: strict clients refuse a whole list for one more.
class LegacyWire : public Wire {
 public:
  explicit LegacyWire(Revision revision) : revision_(revision) {}
  Json tool_list(const ToolRegistry& tools) const override;
  Json tool_result(ToolResult result) const override;
  bool has_progress_message() const override { return revision_ >= Revision::k2025_03_26; }
  Json resource_list(std::vector<Resource> resources) const override;
  Json resource_template_list(std::vector<ResourceTemplate> templates) const override;
  Json resource_contents(std::vector<ResourceContents> contents) const override;
  int resource_not_found_code() const override { return -32002; }

  Json initialize_result(const ServerInfo& info, Json resource_abilities,
                         std::string instructions) const;

 private:
  // Since 2025-06-18 there are titles, links in results, and `_meta` in everything.
  bool has_titles_and_links() const { return revision_ >= Revision::k2025_06_18; }
  Json tool(const ToolSpec& spec) const;

  const Revision revision_;
};

}  // namespace mayfly::mcp::legacy
