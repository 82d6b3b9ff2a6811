// faulty PID count                        counts the system calls of setting up one sandbox
// faulty PID ROLE CALL N ERRNO            makes the Nth CALL of ROLE fail with ERRNO, undone
//
// PID is a zygote that waits for its policy. Roles are found by descent: the zygote, its child
// init, and init's child, which is the program until it has exec'd. Says "ready" once attached;
// ends when all of them have, and says "ROLE CALL COUNT" for each, or "hit" or "missed". strace can
// inject too, but counts in every process alike: a fault in the zygote hides the same one in init.
#include <elf.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>

namespace {

enum Role { kZygote, kInit, kProgram, kOther };
constexpr const char* kRoles[] = {"zygote", "init", "program", "other"};

struct Process {
  Role role = kOther;
  bool failing = false;  // between the entry and the exit of the call that is to fail
};

struct Fault {
  std::string role;
  std::string call;
  long nth = 0;
  int number = 0;
};

std::map<pid_t, Process> processes;
std::map<std::pair<Role, std::string>, long> counts;
bool hit = false;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "faulty: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

// The call does not happen: there is none of that number.
void skip_call(pid_t pid) {
#if defined(__x86_64__)
  user_regs_struct registers{};
  if (ptrace(PTRACE_GETREGS, pid, nullptr, &registers) < 0) return;
  registers.orig_rax = static_cast<unsigned long long>(-1);
  ptrace(PTRACE_SETREGS, pid, nullptr, &registers);
#elif defined(__aarch64__)
  int number = -1;
  iovec part{&number, sizeof number};
  ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &part);
#endif
}

void set_result(pid_t pid, long value) {
#if defined(__x86_64__)
  user_regs_struct registers{};
  if (ptrace(PTRACE_GETREGS, pid, nullptr, &registers) < 0) return;
  registers.rax = static_cast<unsigned long long>(value);
  ptrace(PTRACE_SETREGS, pid, nullptr, &registers);
#elif defined(__aarch64__)
  user_regs_struct registers{};
  iovec part{&registers, sizeof registers};
  if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part) < 0) return;
  registers.regs[0] = static_cast<unsigned long long>(value);
  ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part);
#endif
}

std::string name_of(unsigned long long number) {
  char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number));
  std::string out = name == nullptr ? std::to_string(number) : name;
  std::free(name);
  return out;
}

void at_system_call(pid_t pid, Process& process, const Fault* fault) {
  __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0) {
    return;
  }
  if (info.op == PTRACE_SYSCALL_INFO_EXIT && process.failing) {
    set_result(pid, -fault->number);
    process.failing = false;
    hit = true;
  }
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY || process.role == kOther) return;
  const std::string name = name_of(info.entry.nr);
  const long count = ++counts[{process.role, name}];
  if (fault == nullptr || hit || fault->role != kRoles[process.role] || fault->call != name ||
      fault->nth != count) {
    return;
  }
  skip_call(pid);
  process.failing = true;
}

// How the process goes on: with this signal.
int at_stop(pid_t pid, int status, const Fault* fault) {
  Process& process = processes[pid];
  const int signal = WSTOPSIG(status);
  if (signal == (SIGTRAP | 0x80)) {
    at_system_call(pid, process, fault);
    return 0;
  }
  switch (status >> 16) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE: {
      unsigned long child = 0;
      ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &child);
      const int next = process.role == kOther ? kOther : process.role + 1;
      processes[static_cast<pid_t>(child)].role = static_cast<Role>(next);
      return 0;
    }
    case PTRACE_EVENT_EXEC:
      process.role = kOther;
      return 0;
    case 0:
      return signal;
    default:
      return 0;
  }
}

void follow(const Fault* fault) {
  int status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
    if (pid < 0) continue;
    if (!WIFSTOPPED(status)) {
      processes.erase(pid);
      continue;
    }
    const int signal = at_stop(pid, status, fault);
    const Process& process = processes[pid];
    // A new child may stop before its parent says whose child it is: it starts with what it has.
    const bool done = hit && !process.failing;
    ptrace(done ? PTRACE_CONT : PTRACE_SYSCALL, pid, nullptr, signal);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 6) return 2;
  const pid_t zygote = std::atoi(argv[1]);
  Fault fault;
  if (argc == 6) fault = {argv[2], argv[3], std::atol(argv[4]), std::atoi(argv[5])};
  constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                            PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  if (ptrace(PTRACE_SEIZE, zygote, nullptr, kOptions) < 0) die("PTRACE_SEIZE");
  processes[zygote].role = kZygote;
  // System calls are seen from the next stop on.
  if (ptrace(PTRACE_INTERRUPT, zygote, nullptr, nullptr) < 0) die("PTRACE_INTERRUPT");
  int status = 0;
  if (waitpid(zygote, &status, __WALL) < 0) die("waitpid");
  ptrace(PTRACE_SYSCALL, zygote, nullptr, 0);
  std::puts("ready");
  std::fflush(stdout);
  follow(argc == 6 ? &fault : nullptr);
  if (argc == 6) return std::puts(hit ? "hit" : "missed"), 0;
  for (const auto& [key, count] : counts) {
    std::printf("%s %s %ld\n", kRoles[key.first], key.second.c_str(), count);
  }
  return 0;
}
