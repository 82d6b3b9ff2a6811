#pragma once

#include <memory>

#include "base/clock.h"
#include "sandbox/engine.h"
#include "tools/call_log.h"
#include "tools/job_table.h"
#include "tools/offered_profiles.h"
#include "tools/receipt.h"
#include "tools/timers.h"

namespace mayfly::tools {

struct WorkbenchOptions {
  ReceiptForm receipt = ReceiptForm::kLean;
  // The longest that a request waits for its command: shorter than the 60 s of most clients.
  milliseconds max_wait{45'000};
  milliseconds heartbeat{5'000};
  milliseconds stop_grace{2'000};  // stop_job: between TERM and KILL
  JobLimits jobs;
};

// What the tools of one server share. Outlives the server that calls its tools. Threads: handlers
// run in the server's workers, ends of calls in the engine's thread, ends of waits in the timers'.
struct Workbench {
  Workbench(OfferedProfiles& offered, std::unique_ptr<sandbox::Engine> runs,
            const WorkbenchOptions& wanted)
      : options(wanted), profiles(offered), jobs(wanted.jobs, timers), engine(std::move(runs)) {}
  // First no timer touches a call any more, then the engine ends all calls, whose last reports
  // still find the job table and the log.
  ~Workbench() {
    timers.stop();
    engine.reset();
  }
  Workbench(const Workbench&) = delete;
  Workbench& operator=(const Workbench&) = delete;

  const WorkbenchOptions options;
  OfferedProfiles& profiles;
  Timers timers;
  CallLog calls;
  JobTable jobs;
  std::unique_ptr<sandbox::Engine> engine;
};

}  // namespace mayfly::tools
