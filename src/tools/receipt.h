#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "mcp/tool.h"
#include "sandbox/report.h"
#include "tools/excerpt.h"
#include "tools/job.h"

// The receipt: what a call did, what it used and what stopped it. The lean one is what the model
// pays for, in two forms that are each complete: text and structured. The full one (full_receipt.h)
// goes into `_meta`, and inline when asked.
namespace mayfly::tools {

inline constexpr std::size_t kDefaultOutputChars = 30'000;
inline constexpr std::size_t kMostOutputChars = 200'000;

// The key of the full receipt in a result's `_meta`.
inline constexpr const char* kReceiptMetaKey = "dev.mayfly/receipt";

// What is unavailable in a report of a call whose policy is older than the operator's files.
inline constexpr const char* kChangedConfiguration = "changed configuration";

enum class ReceiptForm { kLean, kFull };
enum class StreamName { kStdout, kStderr };

// Which output the answer shows: head and tail of both streams, or of one, or a page of one.
struct OutputChoice {
  std::size_t max_chars = kDefaultOutputChars;
  std::optional<StreamName> stream;
  std::optional<std::uint64_t> offset;           // of `stream`, which is then stdout if not given
  std::optional<std::uint64_t> err_offset = {};  // with `offset`: stderr is shown too, from there
  Escapes escapes = Escapes::kStrip;
};

// The line of a job's output that get_job waited for.
struct MatchedLine {
  StreamName stream = StreamName::kStdout;
  std::uint64_t offset = 0;  // of its first byte
  std::string line;          // printable, shortened
};

// A call at one moment. Taken once, so that both forms of an answer say the same.
struct Snapshot {
  std::string profile;
  std::shared_ptr<const Outcome> outcome;  // null while it runs
  milliseconds age{0};
  std::optional<Excerpt> out;
  std::optional<Excerpt> err;
  std::string job_id;            // if the job can be asked for
  bool waiting = false;          // for a place to run
  std::string shell_state = {};  // the handle; empty without
  std::optional<MatchedLine> matched = {};
  std::string remark = {};  // what else the tool has to say

  bool running() const { return outcome == nullptr; }
  bool truncated() const;
};
Snapshot snapshot(const Job& job, const OutputChoice& choice);

// The answer of run_command, get_job, send_input and stop_job. A call that never started is an
// error result.
mcp::ToolResult receipt(const Snapshot& snapshot, ReceiptForm form);

// What `structured` of a receipt conforms to.
mcp::Json receipt_schema();

// "exited", "killed", "failed_to_start".
const char* status_of(const sandbox::Report& report);
// "SIGKILL".
std::string signal_name(int signal);

}  // namespace mayfly::tools
