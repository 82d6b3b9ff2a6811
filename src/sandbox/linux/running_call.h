#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "sandbox/engine.h"
#include "sandbox/linux/enforcement.h"
#include "sandbox/linux/host_look.h"
#include "sandbox/linux/input_feed.h"
#include "sandbox/linux/ledger.h"
#include "sandbox/linux/messages.h"
#include "sandbox/linux/plan.h"
#include "sandbox/linux/published_ports.h"
#include "sandbox/protected_paths.h"

namespace mayfly::sandbox {

// Everything that the engine knows of one call, from its acceptance to its report. Belongs to the
// thread that launches it, and to the engine's loop from the moment it is handed over.
struct RunningCall {
  std::uint64_t number = 0;
  std::string id;
  std::string caller;
  std::shared_ptr<const Policy> policy;
  std::string policy_digest;
  Command command;  // its stdin, until it is launched
  CallPlan plan;
  Limits limits;
  Enforcement enforcement;
  CallObserver observer;
  std::uint64_t zygote = 0;

  OwnedFd input;               // write end of stdin if `feed`, or a terminal's master
  bool input_awaited = false;  // whether the loop hears when it can be written to
  std::shared_ptr<InputFeed> feed;
  OwnedFd output[2];  // read ends of stdout and stderr; a terminal's master is the first
  std::array<std::shared_ptr<OutputStream>, 2> streams;
  std::uint64_t output_total = 0;
  OwnedFd channel;  // to init; never blocks
  OwnedFd pidfd;    // of init, once it is launched
  pid_t init = 0;   // as the host numbers it
  std::unique_ptr<CallCgroup> cgroup;
  RelayedPorts relayed;                     // of jobs, for CallPlan::relayed_ports
  std::shared_ptr<void> private_directory;  // of Tier::kLandlock: removed when let go
  // What init sees and denies, at any moment (ledger.h).
  std::optional<LedgerReader> ledger;

  // What others want of the call before the loop has it; done when it does.
  std::vector<std::function<void(RunningCall&)>> deferred;
  std::shared_ptr<std::atomic<bool>> waiting = std::make_shared<std::atomic<bool>>(false);

  TimePoint accepted;
  TimePoint began;                         // launched
  TimePoint finished;                      // set once init is reaped
  std::optional<TimePoint> terminate_at;   // TERM, unless something else ends it sooner
  std::optional<TimePoint> kill_at;        // KILL
  std::optional<TimePoint> give_up_at;     // then it is answered although it has not died
  std::optional<TimePoint> look_at_cpu;    // no sooner can the limit have been reached
  std::optional<TimePoint> look_at_forks;  // cgroup v1 does not tell of refused ones by itself
  std::optional<EndedBy> killed_for;       // why we end it, once we do

  bool started = false;
  bool answered = false;                       // its observer was told; its place is still taken
  std::optional<std::int32_t> program_status;  // as wait(2) gave it
  std::optional<Note> ended;                   // of init
  std::optional<Error> failure;
  std::optional<CgroupUsage> cgroup_usage;
  microseconds cgroup_cpu{0};
  bool left_files_in_tmp = false;
  Tier tier = Tier::kFull;
  bool slow_notices = false;
  int landlock_abi = 0;  // of the ruleset that the program runs under
  std::vector<StageTime> stages;
  std::vector<Lingering> lingering;

  std::vector<Violation> violations;
  std::map<std::string, std::size_t> violation_index;
  std::uint64_t violations_total = 0;
  // What was said of the ledger's kinds, which only get more: nothing is looked up twice, and a
  // job's receipts agree. Of `absent` nothing for what is not missed.
  mutable std::vector<Violation> said_of_found;
  mutable std::vector<std::optional<Violation>> said_of_absent;
  mutable LookBudget look_budget;
  std::vector<std::shared_ptr<ProtectedPaths>> guards;  // one for each writable workspace

  // Asks for the end: TERM now and KILL after `grace`, or KILL now. The first reason stands.
  void end(EndedBy reason, std::optional<milliseconds> grace);
  void kill_now();
  // Keeps what its control group has counted, which is about to be removed.
  void read_cgroup();
  // Ends the call if its control group has used its time up; otherwise says when to look again.
  void look_at_cpu_time(TimePoint now);
  // Ends the call if its control group says that memory ran out or that it does nothing but fork.
  void look_at_cgroup();
  void record(Violation violation);
  void take_note(const Note& note);
  Report report() const;

 private:
  void add_usage(Report& report, const WatchedUsage& watched) const;
  void add_limits(Report& report) const;
  void add_unavailable(Report& report) const;
  void add_findings(Report& report, const LedgerContent& seen) const;
  Report whole_report() const;  // before the policy's observe leaves anything out
  Violation refused_forks() const;
  bool never_started() const;
};

}  // namespace mayfly::sandbox
