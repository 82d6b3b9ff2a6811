#pragma once

#include <vector>

#include "mcp/resource.h"
#include "mcp/tool.h"
#include "tools/job_table.h"
#include "tools/receipt.h"

namespace mayfly::tools {

// The output of a caller's jobs, each byte as the program wrote it:
// mayfly://jobs/{job_id}/{stream}{?offset,length}, where stream is stdout or stderr.
//
// A read hands back one page: `length` bytes from `offset` on, or fewer. It is text if the page is
// UTF-8, cut between two characters, else base64. The member "dev.mayfly/range" of the contents'
// `_meta` says which bytes these are, how many there are so far, and under "next_offset" where to
// go on; without it, that was the end and nothing more will come.
class JobResources : public mcp::ResourceProvider {
 public:
  static constexpr std::uint64_t kDefaultLength = std::uint64_t{1} << 20;
  static constexpr std::uint64_t kMostLength = std::uint64_t{4} << 20;

  // `jobs` must outlive it.
  explicit JobResources(JobTable& jobs) : jobs_(jobs) {}

  std::string_view prefix() const override { return "mayfly://jobs/"; }
  // Streams in which there is something, or may yet be.
  std::vector<mcp::Resource> list(const std::string& principal) const override;
  std::vector<mcp::ResourceTemplate> templates() const override;
  Result<std::vector<mcp::ResourceContents>> read(const std::string& uri,
                                                  const std::string& principal) const override;
  // Both streams of every job, but no range of one: E5001.
  Status check(const std::string& uri, const std::string& principal) const override;

 private:
  JobTable& jobs_;
};

std::string stream_uri(const std::string& job_id, StreamName stream);

// The key of a page's place in the whole.
inline constexpr const char* kRangeMetaKey = "dev.mayfly/range";

// Where the whole of each stream is that `call` shows in part; none unless the job has an id.
std::vector<mcp::ResourceLinkContent> links_of(const Snapshot& call);

}  // namespace mayfly::tools
