#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "mcp/tool.h"
#include "sandbox/engine.h"

namespace mayfly::tools {

// How a call ended: the report, and the full receipt made from it.
struct Outcome {
  sandbox::Report report;
  mcp::Json full_receipt;
};

// One call of run_command from the moment it is handed to the engine until nobody asks for it any
// more. Every call is one; only those that outlive their request, or have more output than was
// shown, get an id and a place in the JobTable. Thread-safe.
class Job {
 public:
  Job(std::string principal, std::string profile, std::string summary)
      : principal_(std::move(principal)),
        profile_(std::move(profile)),
        summary_(std::move(summary)) {}

  const std::string& principal() const { return principal_; }
  const std::string& profile() const { return profile_; }
  const std::string& summary() const { return summary_; }  // the command, short, on one line

  // What Engine::start returned. The end may have come first.
  void attach(std::shared_ptr<sandbox::Call> call);
  void finish(Outcome outcome);

  std::shared_ptr<const Outcome> outcome() const;  // null while it runs
  // May be null, before attach.
  std::shared_ptr<sandbox::OutputStream> out() const;
  std::shared_ptr<sandbox::OutputStream> err() const;
  bool waiting() const;      // accepted, and without a place to run yet
  milliseconds age() const;  // since the start, up to the end

  void cancel();
  void terminate(milliseconds grace);
  void become_job();

  // Calls `task` once when the job has finished: at once if it has. The id is for `forget`.
  using WatchId = std::uint64_t;
  WatchId when_finished(std::function<void()> task);
  void forget(WatchId id);

 private:
  std::shared_ptr<sandbox::Call> call() const;

  const std::string principal_;
  const std::string profile_;
  const std::string summary_;
  const TimePoint created_ = Clock::now();

  mutable std::mutex mutex_;
  std::shared_ptr<sandbox::Call> call_;
  std::shared_ptr<const Outcome> outcome_;
  TimePoint ended_{};
  std::map<WatchId, std::function<void()>> watchers_;
  WatchId last_watch_ = 0;
};

}  // namespace mayfly::tools
