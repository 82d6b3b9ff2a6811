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

// What a look at a job's output found: what was waited for, nothing so far, or nothing so far with
// more output to look at. One look is short: it reads a bounded piece.
enum class Look { kFound, kNothing, kMore };

struct Wait {
  std::shared_ptr<Job> job;
  milliseconds limit{0};
  milliseconds heartbeat{0};
  OnCancel on_cancel = OnCancel::kLeaveJob;
  // If set, the wait ends at kFound too. Called in the timers' thread, after each new output. Both
  // the end and the limit are then told by `answer` only after all output there is was looked at;
  // looking goes on for two seconds after the limit at most.
  std::function<Look()> look = {};
  milliseconds quiet{0};  // kFound ends the wait only after so long without more output
  // Makes the answer, once: when the job has finished or `limit` has passed. In the engine's, the
  // timers' or the caller's thread; with `look` in the timers' only.
  std::function<mcp::ToolResult()> answer;
};

// Keeps `reply` until there is an answer, with a heartbeat meanwhile if the client wants progress.
// The reply of a withdrawn request is kept, unused, until the job that it cancelled has ended.
void wait_for(Timers& timers, Wait wait, mcp::CancelToken cancel, mcp::ToolReply reply);

}  // namespace mayfly::tools
