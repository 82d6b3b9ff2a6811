#pragma once

#include <atomic>
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
#include "tools/violation_store.h"

namespace mayfly::tools {

// How a call ended: the report, and the full receipt made from it.
struct Outcome {
  sandbox::Report report;
  mcp::Json full_receipt;
  std::string shell_cwd = {};   // where its shell was, if that was saved
  std::string shell_note = {};  // why its shell's state was not saved
  Repetitions repeated = {};    // of the report's violations
};

// What was asked for with the command, and holds as long as it runs.
struct JobTraits {
  bool terminal = false;
  bool open_input = false;       // send_input reaches it
  std::string shell_state = {};  // the handle of its shell's state
};

// One call of run_command from the moment it is handed to the engine until nobody asks for it any
// more. Every call is one; only those that outlive their request, or have more output than was
// shown, get an id and a place in the JobTable. Thread-safe.
class Job {
 public:
  Job(std::string principal, std::string profile, std::string summary, JobTraits traits = {})
      : principal_(std::move(principal)),
        profile_(std::move(profile)),
        summary_(std::move(summary)),
        traits_(std::move(traits)) {}

  const std::string& principal() const { return principal_; }
  const std::string& profile() const { return profile_; }
  const std::string& summary() const { return summary_; }  // the command, short, on one line
  const JobTraits& traits() const { return traits_; }

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
  // E5001 if its input is not open, or it has ended; else as Call says.
  Status write_input(std::string bytes);
  Status close_input();

  // Calls `task` once when the job has finished: at once if it has. The id is for `forget`.
  using WatchId = std::uint64_t;
  WatchId when_finished(std::function<void()> task);
  // Calls `task` once, in the engine's thread, when there is more output. The end is none.
  WatchId when_output(std::function<void()> task);
  void forget(WatchId id);
  // From the engine's observer, for every piece of output: costs nothing while nobody watches.
  void output_arrived();

 private:
  std::shared_ptr<sandbox::Call> call() const;

  const std::string principal_;
  const std::string profile_;
  const std::string summary_;
  const JobTraits traits_;
  const TimePoint created_ = Clock::now();

  mutable std::mutex mutex_;
  std::shared_ptr<sandbox::Call> call_;
  std::shared_ptr<const Outcome> outcome_;
  TimePoint ended_{};
  std::map<WatchId, std::function<void()>> watchers_;
  std::map<WatchId, std::function<void()>> output_watchers_;
  std::atomic<bool> output_watched_{false};
  WatchId last_watch_ = 0;
};

}  // namespace mayfly::tools
