#pragma once

#include "mcp/resource.h"
#include "tools/violation_store.h"

namespace mayfly::tools {

// What was denied in a caller's own calls: mayfly://violations, and mayfly://violations/{call_id}
// for one of them. Each as JSON, and the same as text, a line a violation. The first changes with
// each call that is denied something.
class ViolationResources : public mcp::ResourceProvider {
 public:
  static constexpr const char* kUri = "mayfly://violations";

  // `store` must outlive it.
  explicit ViolationResources(const ViolationStore& store) : store_(store) {}

  std::string_view prefix() const override { return kUri; }
  std::vector<mcp::Resource> list(const std::string& principal) const override;
  std::vector<mcp::ResourceTemplate> templates() const override;
  Result<std::vector<mcp::ResourceContents>> read(const std::string& uri,
                                                  const std::string& principal) const override;
  Status check(const std::string& uri, const std::string& principal) const override;

 private:
  Result<std::vector<ViolationStore::Entry>> of_call(const std::string& uri,
                                                     const std::string& principal) const;

  const ViolationStore& store_;
};

// Notes what was denied in a call that has ended, and tells those who subscribed to it.
Repetitions note_violations(ViolationStore& store, mcp::ResourceUpdates& updates,
                            const std::string& principal, const std::string& tool,
                            const sandbox::Report& report);

// For sandbox_info: the latest, the same ones summed up.
mcp::Json recent_violations(const ViolationStore::View& view, std::size_t most);

}  // namespace mayfly::tools
