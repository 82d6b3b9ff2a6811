#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <set>
#include <vector>

#include "base/clock.h"

namespace mayfly::sandbox {

// Where no pid namespace ends them, the processes of a call are found by descent. Whoever uses this
// is a subreaper (PR_SET_CHILD_SUBREAPER, Linux 3.4): nothing below it can get away, since what
// loses its parent becomes its child.

struct Descendant {
  pid_t pid = 0;
  pid_t parent = 0;
  bool zombie = false;        // all of its threads have ended
  std::uint64_t started = 0;  // in ticks since boot: with the pid this names one process
  // CPU time, and that of children that it waited for.
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint64_t waited_user_ticks = 0;
  std::uint64_t waited_system_ticks = 0;
};

// Everything below this process but what lies below `spared` of its children, as /proc has it. What
// is born meanwhile may be missing.
std::vector<Descendant> descendants(const std::set<pid_t>& spared = {});

// Sends `signal` to each, if it still is that process.
void signal_all(const std::vector<Descendant>& processes, int signal);

// Kills everything below this process but what lies below `spared`, and reaps it, in rounds until
// none is left or `patience` is over. Adds to `usage` what they had used. True if none is left.
bool end_descendants(const std::set<pid_t>& spared, milliseconds patience, struct rusage& usage);

// Processes and threads of this user, as far as /proc shows them.
std::uint64_t tasks_of_this_user();

}  // namespace mayfly::sandbox
