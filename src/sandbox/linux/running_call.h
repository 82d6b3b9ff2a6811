#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "sandbox/engine.h"
#include "sandbox/linux/ledger.h"
#include "sandbox/linux/messages.h"
#include "sandbox/linux/zygote_client.h"
#include "sandbox/protected_paths.h"

namespace mayfly::sandbox {

// A place among the calls that may run at once.
using Admission = std::shared_ptr<void>;

// Everything that the engine knows of one call between launch and report. Belongs to the engine's
// thread from the moment it is handed over.
struct RunningCall {
  std::uint64_t number = 0;
  std::string id;
  std::shared_ptr<const Policy> policy;
  std::string policy_digest;
  Limits limits;
  CallObserver observer;
  std::uint64_t zygote = 0;
  Admission admission;
  std::string caller;  // whose sockets this call may reach, and who may reach its own

  OwnedFd output[2];  // read ends of stdout and stderr
  std::array<std::shared_ptr<OutputStream>, 2> streams;
  std::uint64_t output_total = 0;
  OwnedFd channel;  // to init; never blocks
  OwnedFd pidfd;    // of init, once it is launched
  // What init sees and denies, at any moment (ledger.h).
  std::optional<LedgerReader> ledger;

  TimePoint began;
  TimePoint finished;                     // set once init is reaped
  std::optional<TimePoint> terminate_at;  // TERM, unless something else ends it sooner
  std::optional<TimePoint> kill_at;       // KILL
  std::optional<EndedBy> killed_for;      // why we end it, once we do

  bool started = false;
  std::optional<std::int32_t> program_status;  // as wait(2) gave it
  std::optional<Note> ended;                   // of init
  std::optional<Error> failure;
  bool left_files_in_tmp = false;
  std::vector<StageTime> stages;

  std::vector<Violation> violations;
  std::map<std::string, std::size_t> violation_index;
  std::uint64_t violations_total = 0;
  std::vector<std::shared_ptr<ProtectedPaths>> guards;  // one for each writable workspace

  // Asks for the end: TERM now and KILL after `grace`, or KILL now. The first reason stands.
  void end(EndedBy reason, std::optional<milliseconds> grace);
  void kill_now();
  void record(Violation violation);
  void take_note(const Note& note);
  Report report() const;
};

}  // namespace mayfly::sandbox
