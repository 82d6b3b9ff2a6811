#pragma once

#include <memory>
#include <mutex>

#include "base/clock.h"
#include "mcp/resource_updates.h"
#include "sandbox/engine.h"
#include "tools/call_log.h"
#include "tools/job_table.h"
#include "tools/offered_profiles.h"
#include "tools/receipt.h"
#include "tools/shell_states.h"
#include "tools/timers.h"
#include "tools/violation_store.h"

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
      : profiles(offered), jobs(wanted.jobs, timers), engine(std::move(runs)), options_(wanted) {}
  // First no timer touches a call any more, then the engine ends all calls, whose last reports
  // still find the job table and the log.
  ~Workbench() {
    timers.stop();
    engine.reset();
  }
  Workbench(const Workbench&) = delete;
  Workbench& operator=(const Workbench&) = delete;

  WorkbenchOptions options() const {
    const std::lock_guard lock(mutex_);
    return options_;
  }
  // For later requests.
  void set_options(const WorkbenchOptions& wanted) {
    jobs.set_limits(wanted.jobs);
    const std::lock_guard lock(mutex_);
    options_ = wanted;
  }

  OfferedProfiles& profiles;
  Timers timers;
  CallLog calls;
  ViolationStore violations;
  // Through which the server's sessions are told that a resource has changed.
  std::shared_ptr<mcp::ResourceUpdates> updates = std::make_shared<mcp::ResourceUpdates>();
  JobTable jobs;
  ShellStates shells;
  std::unique_ptr<sandbox::Engine> engine;

 private:
  mutable std::mutex mutex_;
  WorkbenchOptions options_;
};

}  // namespace mayfly::tools
