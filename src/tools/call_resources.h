#pragma once

#include "mcp/resource.h"
#include "tools/call_log.h"

namespace mayfly::tools {

// The full receipts of a caller's latest calls: mayfly://calls/{call_id}, as JSON. They are not
// listed: whoever has a receipt's call_id has seen the call.
class CallResources : public mcp::ResourceProvider {
 public:
  // `calls` must outlive it.
  explicit CallResources(const CallLog& calls) : calls_(calls) {}

  std::string_view prefix() const override { return "mayfly://calls/"; }
  std::vector<mcp::Resource> list(const std::string&) const override { return {}; }
  std::vector<mcp::ResourceTemplate> templates() const override;
  Result<std::vector<mcp::ResourceContents>> read(const std::string& uri,
                                                  const std::string& principal) const override;
  Status check(const std::string& uri, const std::string& principal) const override;

 private:
  Result<mcp::Json> receipt(const std::string& uri, const std::string& principal) const;

  const CallLog& calls_;
};

}  // namespace mayfly::tools
