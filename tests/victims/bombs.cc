// Attacks 16, 18 and 27: `bombs KIND` makes more of something than the call may have, or what is
// hard to end. The runner gives it few processes or little time, and demands that it was stopped.
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <system_error>
#include <thread>
#include <vector>

#include "victim.h"

using namespace mayfly::victim;

namespace {

constexpr int kMany = 200;  // of what the runner allows 64 of

Outcome made(int count) {
  const std::string how = errno_text(errno) + " after " + std::to_string(count);
  return count >= kMany ? succeeded(how) : blocked(how);
}

Outcome processes() {
  std::vector<pid_t> children;
  while (children.size() < kMany) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      while (true) pause();
    }
    children.push_back(child);
  }
  const Outcome outcome = made(static_cast<int>(children.size()));
  for (const pid_t child : children) kill(child, SIGKILL);
  while (wait(nullptr) > 0) {
  }
  return outcome;
}

Outcome zombies() {
  int count = 0;
  for (; count < kMany; ++count) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0) _exit(0);
  }
  const Outcome outcome = made(count);
  while (wait(nullptr) > 0) {
  }
  return outcome;
}

Outcome threads() {
  int count = 0;
  try {
    for (; count < kMany; ++count) {
      std::thread([] {
        while (true) pause();
      }).detach();
    }
  } catch (const std::system_error& error) {
    errno = error.code().value();
  }
  return made(count);
}

// Each waits for the one below, as after vfork.
int nest(int depth) {
  if (depth == kMany) return depth;
  const long child = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return depth;
  if (child == 0) _exit(nest(depth + 1));
  int status = 0;
  waitpid(static_cast<pid_t>(child), &status, 0);
  return WEXITSTATUS(status);
}

Outcome nested_vforks() {
  const int depth = nest(0);
  errno = EAGAIN;
  return made(depth);
}

[[noreturn]] void fork_for_ever() {
  while (true) fork();
}

// As many timers as there can be, each a million times a second.
[[noreturn]] void storm() {
  signal(SIGRTMIN, [](int) {});
  while (true) {
    struct sigevent event {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMIN;
    timer_t timer{};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0) continue;
    const struct itimerspec often {
      {0, 1000}, { 0, 1000 }
    };
    timer_settime(timer, 0, &often, nullptr);
  }
}

void ignore_everything() {
  for (int number = 1; number < 65; ++number) signal(number, SIG_IGN);
}

// Stopped, traced, waiting for a child that never execs, in sessions of their own; none hears a
// signal, and none is bound to its parent.
[[noreturn]] void cling() {
  ignore_everything();
  prctl(PR_SET_PDEATHSIG, 0);
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (fork() == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    while (true) pause();
  }
  if (fork() == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
  }
  if (syscall(SYS_clone, CLONE_VFORK | SIGCHLD, nullptr, nullptr, nullptr, nullptr) == 0)
    raise(SIGSTOP);
  while (true) pause();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  if (kind == "endless forks") fork_for_ever();
  if (kind == "timers") storm();
  if (kind == "clinging") cling();
  Victim victim;
  const auto one = [&](const char* name, auto bomb) {
    if (kind == name || kind == "find") victim.attempt(name, Alone::kSucceeds, bomb);
  };
  one("processes", processes);
  one("zombies", zombies);
  one("nested vforks", nested_vforks);
  one("threads", threads);
  fflush(nullptr);
  _exit(victim.result());  // not through destructors: threads are left
}
