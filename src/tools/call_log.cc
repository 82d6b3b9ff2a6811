#include "tools/call_log.h"

#include <algorithm>
#include <utility>

namespace mayfly::tools {

void CallLog::add(const std::string& principal, mcp::Json full_receipt) {
  const std::lock_guard lock(mutex_);
  std::deque<mcp::Json>& mine = receipts_[principal];
  mine.push_front(std::move(full_receipt));
  if (mine.size() > kKept) mine.pop_back();
}

std::optional<mcp::Json> CallLog::find(const std::string& principal,
                                       const std::string& call_id) const {
  const std::lock_guard lock(mutex_);
  const auto mine = receipts_.find(principal);
  if (mine == receipts_.end()) return std::nullopt;
  for (const mcp::Json& receipt : mine->second) {
    if (receipt.value("call_id", "") == call_id) return receipt;
  }
  return std::nullopt;
}

std::vector<mcp::Json> CallLog::latest(const std::string& principal, std::size_t count) const {
  const std::lock_guard lock(mutex_);
  const auto mine = receipts_.find(principal);
  if (mine == receipts_.end()) return {};
  const std::size_t shown = std::min(count, mine->second.size());
  return {mine->second.begin(), mine->second.begin() + static_cast<std::ptrdiff_t>(shown)};
}

}  // namespace mayfly::tools
