#pragma once

#include <memory>
#include <string>

#include "mcp/resource_updates.h"
#include "tools/job.h"
#include "tools/timers.h"

namespace mayfly::tools {

// A stream's subscribers are told this long after there is more, and so at most twice a second.
inline constexpr milliseconds kOutputPace{500};

// From now on, tells the subscribers of the job's streams that there is more output, and of its
// end. Once for each job, when it gets its id. `timers` must outlive the job's run.
void tell_of_output(std::shared_ptr<mcp::ResourceUpdates> updates, Timers& timers,
                    const std::shared_ptr<Job>& job, const std::string& job_id);

}  // namespace mayfly::tools
