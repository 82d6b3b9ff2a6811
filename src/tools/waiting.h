#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "mcp/tool.h"
#include "tools/job.h"
#include "tools/timers.h"

namespace mayfly::tools {

// What a request that waits for a job may do to it when the client withdraws the request.
enum class OnCancel { kCancelJob, kLeaveJob };

struct Wait {
  std::shared_ptr<Job> job;
  milliseconds limit{0};
  milliseconds heartbeat{0};
  OnCancel on_cancel = OnCancel::kLeaveJob;
  // Makes the answer, once: when the job has finished or `limit` has passed. In the engine's, the
  // timers' or the caller's thread.
  std::function<mcp::ToolResult()> answer;
};

// Keeps `reply` until there is an answer, with a heartbeat meanwhile if the client wants progress.
// The reply of a withdrawn request is kept, unused, until the job that it cancelled has ended.
void wait_for(Timers& timers, Wait wait, mcp::CancelToken cancel, mcp::ToolReply reply);

}  // namespace mayfly::tools
