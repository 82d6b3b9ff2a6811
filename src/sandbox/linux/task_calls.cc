#include "sandbox/linux/task_calls.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sandbox/linux/payload.h"

namespace mayfly::sandbox {
namespace {

constexpr std::uint64_t kAll32 = 0xffffffff;

// The bit of O_TMPFILE that O_DIRECTORY does not have.
constexpr std::uint64_t kTemporary = O_TMPFILE & ~O_DIRECTORY;
constexpr std::uint64_t kCreates = O_CREAT | kTemporary;
constexpr std::uint64_t kOpensToWrite = O_WRONLY | O_RDWR | O_TRUNC | O_APPEND | kCreates;
// A set-id bit would outlive the sandbox; no tool makes a sticky file.
constexpr std::uint64_t kSpecialModes = 07000;

ArgumentRule is(unsigned argument, std::uint64_t value) { return {argument, kAll32, value}; }
ArgumentRule lacks(unsigned argument, std::uint64_t bits) { return {argument, bits, 0}; }

std::vector<TaskCall> reading() {
  std::vector<TaskCall> calls;
  for (const char* name : {"read", "pread64", "readv", "lseek", "close", "fstat", "newfstatat",
                           "statx", "readlinkat", "getdents64", "fadvise64"}) {
    calls.push_back({name});
  }
  calls.push_back({"openat", {lacks(2, kOpensToWrite)}});
  for (const std::uint64_t command : {F_GETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC}) {
    calls.push_back({"fcntl", {is(1, command)}});
  }
  // The answer. What the C library says before it gives up goes to the standard error.
  calls.push_back({"write", {is(0, STDOUT_FILENO)}});
  calls.push_back({"write", {is(0, STDERR_FILENO)}});
  calls.push_back({"writev", {is(0, STDERR_FILENO)}});
  // Memory, none of it to be run.
  calls.push_back({"mmap", {lacks(2, PROT_EXEC)}});
  calls.push_back({"mprotect", {lacks(2, PROT_EXEC)}});
  for (const char* name : {"munmap", "mremap", "brk", "madvise"}) calls.push_back({name});
  for (const char* name :
       {"exit", "exit_group", "rt_sigreturn", "rt_sigprocmask", "restart_syscall", "futex",
        "sched_yield", "clock_gettime", "clock_nanosleep", "getrandom", "getpid", "gettid",
        "getuid", "geteuid", "getgid", "getegid"}) {
    calls.push_back({name});
  }
#ifdef __SANITIZE_ADDRESS__
  // The sanitizer's runtime asks where the signal stack is before each function that never returns.
  calls.push_back({"sigaltstack", {{0, ~0ULL, 0}}});
#endif
  // abort(3). In reach are init, which cannot be ended from inside, and the task itself.
  calls.push_back({"tgkill", {is(2, SIGABRT)}});
  // The last stage of setting up; a limit that was lowered stays.
  calls.push_back({"prlimit64", {is(0, 0), is(1, RLIMIT_NOFILE)}});
  return calls;
}

std::vector<TaskCall> writing() {
  std::vector<TaskCall> calls = reading();
  for (const char* name : {"write", "writev", "pwrite64", "ftruncate", "fsync", "fdatasync",
                           "renameat", "unlinkat", "linkat", "copy_file_range", "flock", "umask"}) {
    calls.push_back({name});
  }
  calls.push_back({"openat", {lacks(2, kCreates)}});
  calls.push_back({"openat", {lacks(3, kSpecialModes)}});
  calls.push_back({"mkdirat", {lacks(2, kSpecialModes)}});
  calls.push_back({"renameat2", {lacks(4, RENAME_WHITEOUT)}});
  constexpr auto kInit = TaskCall::By::kInitAmongOthers;
  calls.push_back({"fchmod", {lacks(1, kSpecialModes)}, kInit});
  calls.push_back({"fchown", {}, kInit});
  calls.push_back({"utimensat", {}, kInit});
  return calls;
}

}  // namespace

const std::vector<TaskCall>& task_calls(TaskWrites writes) {
  static const std::vector<TaskCall> reads = reading();
  static const std::vector<TaskCall> files = writing();
  return writes == TaskWrites::kFiles ? files : reads;
}

AllowedCall task_call_that_sends_listener() {
  return {"sendmsg", {is(0, static_cast<std::uint64_t>(kMessengerFd))}};
}

const std::vector<DeniedCall>& calls_absent_for_tasks() {
  // openat2's arguments are behind a pointer. What fallocate reserves is not seen by the watch of
  // what is written, and nobody answers for a task where the watch could be told.
  static const std::vector<DeniedCall> calls = {{"openat2", Answer::kAbsent},
                                                {"fallocate", Answer::kAbsent}};
  return calls;
}

}  // namespace mayfly::sandbox
