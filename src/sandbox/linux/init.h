#pragma once

#include "base/fd.h"
#include "sandbox/linux/plan.h"
#include "sandbox/task.h"

namespace mayfly::sandbox {

// What init is born with. Everything else of the zygote's is closed by its first stage.
struct InitInputs {
  OwnedFd call_plan;    // unread memfd
  OwnedFd standard[3];  // stdin, stdout, stderr of the program
  OwnedFd channel;      // to the server; its end of file means that the server is gone
  OwnedFd host_proc;    // the host's /proc, to write id maps through: ours is read-only
  OwnedFd ledger;       // shared with the server (ledger.h); the program never has it
  OwnedFd zygote_life;  // a pipe whose other end only the zygote holds
  TaskTable tasks;      // those that a call plan may name
};

// Process 1 of one sandbox: sets it up, starts the program, reaps, watches what is used, answers
// the system calls that filters leave to it (supervisor.h), and ends with the program, which ends
// everything else in the namespace (pid_namespaces(7)). Runs in a fresh copy of the zygote, inside
// all its new namespaces. Tells the server over the channel: kStarted or kFailed, then kExited.
// Never returns.
[[noreturn]] void init_main(const RootPlan& root, InitInputs inputs);

// The stages that every kind of init has: closes what the zygote holds and `inputs` does not, reads
// the plan, sets the limits that a process has by itself.
Status close_unneeded(const InitInputs& inputs);
Result<CallPlan> read_call_plan(const InitInputs& inputs);
// The task that `call` names; null for a program. E3002 if there is none of that name.
Result<const Task*> task_of(const CallPlan& call, const InitInputs& inputs);
// What the ruleset of `call` is made from: a task that writes nothing is allowed nothing else.
std::vector<LandlockRule> landlock_rules(const RootPlan& root, const Task* task);
Status limit_this_process(const Limits& limits);

}  // namespace mayfly::sandbox
