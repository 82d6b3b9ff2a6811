#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mcp/tool.h"

namespace mayfly::tools {

// The full receipts of each caller's latest calls. Thread-safe.
class CallLog {
 public:
  static constexpr std::size_t kKept = 64;  // of one caller

  void add(const std::string& principal, mcp::Json full_receipt);
  std::optional<mcp::Json> find(const std::string& principal, const std::string& call_id) const;
  // The latest first.
  std::vector<mcp::Json> latest(const std::string& principal, std::size_t count) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::deque<mcp::Json>> receipts_;  // the latest in front
};

}  // namespace mayfly::tools
