#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "mcp/sink.h"

// Batches: an array of messages, answered by an array. Revision 2025-03-26 only.
namespace mayfly::mcp::legacy {

inline constexpr std::size_t kMaxBatch = 100;

// Collects `expected` answers (at least one) and passes them on as one array once the last has come
// or been withdrawn. Notifications pass through at once. Thread-safe.
class BatchSink : public MessageSink {
 public:
  BatchSink(std::shared_ptr<MessageSink> sink, std::size_t expected)
      : sink_(std::move(sink)), expected_(expected) {}

  void send(Outgoing message) override;
  void nothing_more() override;

 private:
  void one_less();

  const std::shared_ptr<MessageSink> sink_;
  std::mutex mutex_;
  std::string answers_;
  std::size_t expected_;
};

}  // namespace mayfly::mcp::legacy
