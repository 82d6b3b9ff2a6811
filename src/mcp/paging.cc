#include "mcp/paging.h"

#include "base/text.h"

namespace mayfly::mcp {

std::optional<RpcError> refused_cursor(const Json& params) {
  const Json* cursor = member(params, "cursor");
  if (cursor == nullptr) return std::nullopt;
  const std::string shown = cursor->is_string() ? text::shorten(cursor->get<std::string>(), 200)
                                                : std::string("not a string");
  return rpc_error(rpc::kInvalidParams, input_error(ErrorCode::kInvalidArgument, "cursor", shown,
                                                    "this server gave no such cursor",
                                                    "leave it out: the whole list is on one page"));
}

}  // namespace mayfly::mcp
