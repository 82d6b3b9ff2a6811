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

  Json initialize_result(const ServerInfo& info, std::string instructions) const;

 private:
  Json tool(const ToolSpec& spec) const;

  const Revision revision_;
};

}  // namespace mayfly::mcp::legacy
