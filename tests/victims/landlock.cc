// What only Landlock stops: init has the program's own uid, sees it and is seen by it, so neither
// mounts nor capabilities nor the filter keep a signal from it. And that the ruleset is there at
// all: of the sixteen that may be stacked (landlock(7)) one is taken.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdint>

#include "victim.h"

using namespace mayfly::victim;

namespace {

long stack_one_ruleset() {
  const std::uint64_t handles_execute = 1;
  const long ruleset =
      syscall(SYS_landlock_create_ruleset, &handles_execute, sizeof handles_execute, 0);
  if (ruleset < 0) return -1;
  const long stacked = syscall(SYS_landlock_restrict_self, ruleset, 0);
  close(static_cast<int>(ruleset));
  return stacked;
}

// In a child, which cannot take them off again. Its exit code is the number.
int rulesets_that_fit() {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int count = 0;
    while (count < 20 && stack_one_ruleset() == 0) ++count;
    _exit(count);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

}  // namespace

int main() {
  Victim victim;
  victim.attempt("kill(1, 0)", Alone::kSucceeds, [] { return must_fail(kill(1, 0)); });
  victim.attempt("rt_sigqueueinfo to init", Alone::kUncertain, [] {
    siginfo_t info{};
    info.si_code = SI_QUEUE;
    return must_fail(syscall(SYS_rt_sigqueueinfo, 1, 0, &info));
  });
  victim.attempt("pidfd_send_signal to init", Alone::kSucceeds, [] {
    const long init = syscall(SYS_pidfd_open, 1, 0);
    return must_fail(syscall(SYS_pidfd_send_signal, init, 0, nullptr, 0));
  });
  victim.attempt("sixteen rulesets of its own", Alone::kSucceeds, [] {
    const int count = rulesets_that_fit();
    if (count < 16) return blocked(std::to_string(count) + " fit");
    return succeeded("nothing was in force");
  });
  return victim.result();
}
