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

Result<mcp::Json> CallResources::receipt(const std::string& uri,
                                         const std::string& principal) const {
  const std::string id = uri.substr(prefix().size());
  // An empty id would find a receipt that has none.
  auto found = id.empty() ? std::nullopt : calls_.find(principal, id);
  if (found) return *std::move(found);
  return fail(input_error(
      ErrorCode::kNotFound, "call_id", id, "no such call",
      "the receipts of your latest " + std::to_string(CallLog::kKept) + " calls are kept"));
}

Result<std::vector<mcp::ResourceContents>> CallResources::read(const std::string& uri,
                                                               const std::string& principal) const {
  const mcp::Json found = TRY(receipt(uri, principal));
  return std::vector<mcp::ResourceContents>{
      {.uri = uri, .mime_type = "application/json", .data = mcp::dump_json(found)}};
}

// It can be subscribed to, but never changes.
Status CallResources::check(const std::string& uri, const std::string& principal) const {
  TRY(receipt(uri, principal));
  return {};
}

}  // namespace mayfly::tools
