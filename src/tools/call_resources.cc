#include "tools/call_resources.h"

#include <utility>

namespace mayfly::tools {

std::vector<mcp::ResourceTemplate> CallResources::templates() const {
  return {{.uri_template = "mayfly://calls/{call_id}",
           .name = "receipt",
           .title = "Receipt of a call",
           .description = "all that is known of one of your latest " +
                          std::to_string(CallLog::kKept) + " calls",
           .mime_type = "application/json"}};
}

Result<std::vector<mcp::ResourceContents>> CallResources::read(const std::string& uri,
                                                               const std::string& principal) const {
  const std::string id = uri.substr(prefix().size());
  // An empty id would find a receipt that has none.
  const auto receipt = id.empty() ? std::nullopt : calls_.find(principal, id);
  if (!receipt) {
    return fail(input_error(
        ErrorCode::kNotFound, "call_id", id, "no such call",
        "the receipts of your latest " + std::to_string(CallLog::kKept) + " calls are kept"));
  }
  return std::vector<mcp::ResourceContents>{
      {.uri = uri, .mime_type = "application/json", .data = mcp::dump_json(*receipt)}};
}

}  // namespace mayfly::tools
