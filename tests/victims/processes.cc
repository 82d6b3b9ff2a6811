// Attacks 14, 15, 19 and 27: init, the launcher and other processes; what would loosen our own.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
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

// Nothing to see here: whom it hits is init, which then takes this call with it, or the runner.
Outcome signals_owner(pid_t owner, int number) {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) < 0) return blocked();
  if (owner == -1) {  // the group that init is in
    owner = -getpgid(1);
    if (owner == 0 || owner == -1) return blocked("init's group has no number here");
  }
  if (fcntl(ends[0], F_SETOWN, owner) < 0) return blocked();
  fcntl(ends[0], F_SETSIG, number);
  fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
  (void)!write(ends[1], "x", 1);
  close(ends[0]);
  close(ends[1]);
  return blocked("still here");
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
  victim.attempt("SIGSTOP to the parent", Alone::kDangerous, [] {
    kill(getppid(), SIGSTOP);
    return blocked("the call still ends");
  });
  // Input on a pipe is told to its owner, as a signal that its owner chose (fcntl(2)).
  for (const pid_t owner : {pid_t{1}, pid_t{-1}, host_pid}) {
    for (const int number : {0, SIGKILL}) {
      victim.attempt("SIGIO to " + std::to_string(owner), Alone::kDangerous,
                     [&] { return signals_owner(owner, number); });
    }
  }
  victim.attempt("limit of a process of the host", Alone::kDangerous, [&] {
    const struct rlimit none {};
    return must_fail(prlimit(host_pid, RLIMIT_FSIZE, &none, nullptr));
  });
  victim.attempt("ptrace of init", Alone::kDangerous,
                 [] { return must_fail(ptrace(PTRACE_SEIZE, 1, nullptr, nullptr)); });
  victim.attempt("process_vm_writev to init", Alone::kDangerous, [] {
    char byte = 0;
    struct iovec here {
      &byte, 1
    };
    struct iovec there {
      &byte, 1
    };
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
      if (prlimit(1, static_cast<__rlimit_resource>(resource), nullptr, &limit) < 0)
        return blocked();
      return must_fail(prlimit(1, static_cast<__rlimit_resource>(resource), &limit, nullptr));
    });
  }
  victim.attempt("priority of init", Alone::kDangerous,
                 [] { return must_fail(setpriority(PRIO_PROCESS, 1, 19)); });
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
  victim.attempt("deadline scheduling", Alone::kUncertain, [] {
    struct {
      unsigned size, policy;
      unsigned long flags;
      int nice;
      unsigned priority;
      unsigned long runtime, deadline, period;
    } attributes{};
    attributes.size = sizeof attributes;
    attributes.policy = 6;  // SCHED_DEADLINE
    attributes.runtime = attributes.deadline = attributes.period = 100'000'000;
    return must_fail(syscall(SYS_sched_setattr, 0, &attributes, 0));
  });
  victim.attempt("real-time I/O", Alone::kSucceeds, [] {
    constexpr int kRealTime = 1 << 13;
    return must_fail(syscall(SYS_ioprio_set, 1, 0, kRealTime));
  });
  victim.attempt("less likely to be killed for memory", Alone::kUncertain, [] {
    const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    return must_fail(write(file, "-500", 4));
  });
  victim.attempt("priority above the start's", Alone::kSucceeds,
                 [] { return must_fail(setpriority(PRIO_PROCESS, 0, -5)); });
  victim.attempt("no_new_privs off", Alone::kUncertain,
                 [] { return must_fail(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); });
  victim.attempt("personality READ_IMPLIES_EXEC", Alone::kSucceeds,
                 [] { return must_fail(syscall(SYS_personality, READ_IMPLIES_EXEC)); });
  victim.attempt("the end of the filters", Alone::kUncertain, [] {
    // Strict mode would replace them; a filter that allows everything does not.
    const int before = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program { 1, &all };
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
    if (before == SECCOMP_MODE_FILTER)
      return probe(syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr));
    return blocked("there are none");
  });
  victim.attempt("a supervisor of our own", Alone::kUncertain, [] {
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program { 1, &all };
    return must_fail(
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
  });
  victim.attempt("the securebits", Alone::kSucceeds,
                 [] { return must_fail(prctl(PR_SET_SECUREBITS, 1 << 4, 0, 0, 0)); });
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
    const struct rlimit limit { 1 << 20, 1 << 20 };
    struct rlimit now {};
    setrlimit(RLIMIT_CORE, &limit);
    getrlimit(RLIMIT_CORE, &now);
    return now.rlim_cur > 1 ? succeeded("a limit of " + std::to_string(now.rlim_cur))
                            : blocked("still 1");
  });
  return victim.result();
}
