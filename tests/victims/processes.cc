// Attacks 14, 15, 19 and 27: init, the launcher and other processes; what would loosen our own.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "victim.h"

using namespace mayfly::victim;

namespace {

// As harmless as it can be: no signal at all, only the question whether it may be sent.
Outcome may_signal(pid_t pid) {
  if (kill(pid, 0) == 0) return succeeded("may send signals");
  return blocked();
}

}  // namespace

int main() {
  Victim victim;
  const pid_t host_pid = atoi(setting("VICTIM_HOST_PID").c_str());
  victim.attempt("signals to a process of the host", Alone::kUncertain, [&] {
    // A small number may be one of ours as well: then it says nothing.
    if (host_pid < 1000) return blocked("cannot tell");
    return may_signal(host_pid);
  });
  victim.attempt("SIGKILL to init", Alone::kDangerous, [] {
    kill(1, SIGKILL);
    kill(1, SIGSTOP);
    kill(1, SIGTERM);
    return blocked("still here");  // with init everything ends, and this line is missing
  });
  victim.attempt("kill(-1)", Alone::kDangerous, [] {
    kill(-1, SIGCONT);
    return blocked("no effect outside");
  });
  victim.attempt("ptrace of init", Alone::kDangerous,
                 [] { return must_fail(ptrace(PTRACE_SEIZE, 1, nullptr, nullptr)); });
  victim.attempt("process_vm_writev to init", Alone::kDangerous, [] {
    char byte = 0;
    struct iovec here {&byte, 1};
    struct iovec there {&byte, 1};
    return must_fail(process_vm_writev(1, &here, 1, &there, 1, 0));
  });
  victim.attempt("pidfd_getfd of init", Alone::kDangerous, [] {
    const long init = syscall(SYS_pidfd_open, 1, 0);
    return must_fail(syscall(SYS_pidfd_getfd, init, 0, 0));
  });
  // Each of these would blind or starve the one that watches the limits.
  for (const int resource : {RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NPROC}) {
    victim.attempt("limit " + std::to_string(resource) + " of init", Alone::kDangerous, [&] {
      struct rlimit limit {};
      if (prlimit(1, static_cast<__rlimit_resource>(resource), nullptr, &limit) < 0) return blocked();
      return must_fail(prlimit(1, static_cast<__rlimit_resource>(resource), &limit, nullptr));
    });
  }
  victim.attempt("priority of init", Alone::kDangerous, [] { return must_fail(setpriority(PRIO_PROCESS, 1, 19)); });
  victim.attempt("scheduling of init", Alone::kDangerous, [] {
    struct sched_param idle {};
    return must_fail(sched_setscheduler(1, SCHED_IDLE, &idle));
  });
  victim.attempt("processor of init", Alone::kDangerous, [] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    return must_fail(sched_setaffinity(1, sizeof one, &one));
  });
  victim.attempt("real-time scheduling", Alone::kSucceeds, [] {
    struct sched_param first {};
    first.sched_priority = 1;
    return must_fail(sched_setscheduler(0, SCHED_FIFO, &first));
  });
  victim.attempt("priority above the start's", Alone::kSucceeds,
                 [] { return must_fail(setpriority(PRIO_PROCESS, 0, -5)); });
  victim.attempt("no_new_privs off", Alone::kUncertain,
                 [] { return must_fail(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); });
  victim.attempt("personality READ_IMPLIES_EXEC", Alone::kSucceeds,
                 [] { return must_fail(syscall(SYS_personality, READ_IMPLIES_EXEC)); });
  victim.attempt("ambient capability", Alone::kSucceeds, [] {
    return must_fail(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0) == 0 ||
                             prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 21, 0, 0) == 1 ||
                             getuid() == 0
                         ? 1
                         : -1);
  });
  victim.attempt("uid 0", Alone::kUncertain, [] {
    if (getuid() == 0) return succeeded("is 0");
    return must_fail(setuid(0));
  });
  victim.attempt("another group", Alone::kSucceeds, [] {
    const gid_t group = 12345;
    return must_fail(syscall(SYS_setgroups, 1, &group));
  });
  victim.attempt("more open files", Alone::kUncertain, [] {
    struct rlimit limit {};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max += 1;
    return must_fail(setrlimit(RLIMIT_NOFILE, &limit));
  });
  victim.attempt("core files", Alone::kSucceeds, [] {
    const struct rlimit limit {1 << 20, 1 << 20};
    return must_fail(setrlimit(RLIMIT_CORE, &limit));
  });
  return victim.result();
}
