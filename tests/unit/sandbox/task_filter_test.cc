#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <array>
#include <set>
#include <string>

#include "catch_shim.h"
#include "filters.h"
#include "sandbox/linux/seccomp_filter.h"
#include "sandbox/linux/task_calls.h"

// The filters of tasks, as the others are proved: the rules as data, the compiled program, and its
// execution on made-up system calls.
namespace mayfly::sandbox {
namespace {

using namespace test;
using Arguments = std::array<std::uint64_t, 6>;

constexpr std::uint64_t kUpper = 0x700000000;  // bits that an int does not have

std::uint32_t reads(long number, Arguments arguments = {}, std::uint32_t arch = AUDIT_ARCH_X86_64) {
  static const auto filters = compile_task_filters(TaskWrites::kNothing, Namespaces::kOwn).value();
  return answer_of(filters, number, arguments, arch);
}

std::uint32_t writes(long number, Arguments arguments = {}) {
  static const auto filters = compile_task_filters(TaskWrites::kFiles, Namespaces::kOwn).value();
  return answer_of(filters, number, arguments);
}

std::uint32_t shared(TaskWrites what, long number, Arguments arguments = {}) {
  static const auto reading =
      compile_task_filters(TaskWrites::kNothing, Namespaces::kHosts).value();
  static const auto writing = compile_task_filters(TaskWrites::kFiles, Namespaces::kHosts).value();
  return answer_of(what == TaskWrites::kFiles ? writing : reading, number, arguments);
}

}  // namespace

TEST_CASE("what tasks may ask is less than what programs may ask") {
  std::set<std::string> programs;
  for (const SyscallGroup& group : allowed_groups()) {
    for (const AllowedCall& call : group.calls) programs.insert(call.name);
  }
  for (const TaskCall& call : task_calls(TaskWrites::kFiles)) {
    INFO(call.name);
    CHECK(programs.count(call.name) == 1);
    for (const ArgumentRule& rule : call.rules) CHECK((rule.value & ~rule.mask) == 0);
  }
  for (const char* never : {"execve", "execveat", "clone", "fork", "vfork", "socket", "socketpair",
                            "connect", "ptrace", "ioctl", "prctl", "kill", "chdir", "sendmsg"}) {
    for (const TaskCall& call : task_calls(TaskWrites::kFiles))
      CHECK(call.name != std::string(never));
  }
}

TEST_CASE("what a reading task does all day is allowed") {
  for (const long number : {SYS_read, SYS_pread64, SYS_close, SYS_lseek, SYS_fstat, SYS_newfstatat,
                            SYS_getdents64, SYS_munmap, SYS_brk, SYS_exit_group, SYS_futex}) {
    INFO(number);
    CHECK(reads(number) == kAllow);
    CHECK(writes(number) == kAllow);
  }
  CHECK(reads(SYS_openat, {0, 0, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW}) == kAllow);
  CHECK(reads(SYS_openat, {0, 0, O_PATH}) == kAllow);
}

TEST_CASE("a reading task opens nothing to change it") {
  for (const std::uint64_t flags : {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_TMPFILE}) {
    INFO(flags);
    CHECK(reads(SYS_openat, {0, 0, flags, 0644}) == kKill);
    CHECK(reads(SYS_openat, {0, 0, flags | kUpper, 0644}) == kKill);
  }
  for (const long number :
       {SYS_renameat2, SYS_renameat, SYS_rename, SYS_unlinkat, SYS_unlink, SYS_mkdirat, SYS_linkat,
        SYS_symlinkat, SYS_ftruncate, SYS_truncate, SYS_fchmod, SYS_fchmodat, SYS_fchown,
        SYS_utimensat, SYS_pwrite64, SYS_copy_file_range, SYS_fsetxattr, SYS_umask}) {
    INFO(number);
    CHECK(reads(number) == kKill);
    CHECK(shared(TaskWrites::kNothing, number) == kKill);
  }
}

TEST_CASE("a reading task writes its answer and to its standard error, and nowhere else") {
  CHECK(reads(SYS_write, {1}) == kAllow);
  CHECK(reads(SYS_write, {2}) == kAllow);
  CHECK(reads(SYS_write, {kUpper | 1}) == kAllow);  // the kernel looks at 32 bits
  for (const std::uint64_t fd : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{7}, kUpper}) {
    CHECK(reads(SYS_write, {fd}) == kKill);
    CHECK(reads(SYS_writev, {fd}) == kKill);
  }
  CHECK(writes(SYS_write, {7}) == kAllow);
}

TEST_CASE("no task makes a file or a directory with a special bit of its mode") {
  constexpr std::uint64_t kNew = O_CREAT | O_WRONLY;
  CHECK(writes(SYS_openat, {0, 0, kNew, 0755}) == kAllow);
  CHECK(writes(SYS_mkdirat, {0, 0, 0755}) == kAllow);
  CHECK(writes(SYS_fchmod, {3, 0640}) == kAllow);
  for (const std::uint64_t mode : {04755, 02755, 01755, 06000}) {
    for (const std::uint64_t upper : {std::uint64_t{0}, kUpper}) {
      INFO(mode);
      CHECK(writes(SYS_openat, {0, 0, kNew, upper | mode}) == kKill);
      CHECK(writes(SYS_openat, {0, 0, O_TMPFILE | O_RDWR, upper | mode}) == kKill);
      CHECK(writes(SYS_mkdirat, {0, 0, upper | mode}) == kKill);
      CHECK(writes(SYS_fchmod, {3, upper | mode}) == kKill);
    }
  }
  // Without O_CREAT the mode is whatever was in the register.
  CHECK(writes(SYS_openat, {0, 0, O_WRONLY, 04755}) == kAllow);
  for (const long other : {SYS_fchmodat, SYS_chmod, SYS_mknodat, SYS_mknod, SYS_creat, SYS_open}) {
    CHECK(writes(other, {0, 0, 0644}) == kKill);
  }
  CHECK(writes(SYS_renameat2, {0, 0, 0, 0, RENAME_NOREPLACE}) == kAllow);
  CHECK(writes(SYS_renameat2, {0, 0, 0, 0, RENAME_WHITEOUT}) == kKill);
}

TEST_CASE("no task starts anything, speaks with anybody or gets memory that can be run") {
  for (const long number : {SYS_execve,
                            SYS_execveat,
                            SYS_fork,
                            SYS_vfork,
                            SYS_clone,
                            SYS_clone3,
                            SYS_socket,
                            SYS_socketpair,
                            SYS_connect,
                            SYS_sendmsg,
                            SYS_recvmsg,
                            SYS_ptrace,
                            SYS_process_vm_readv,
                            SYS_ioctl,
                            SYS_prctl,
                            SYS_seccomp,
                            SYS_mount,
                            SYS_unshare,
                            SYS_setns,
                            SYS_chdir,
                            SYS_memfd_create,
                            SYS_io_uring_setup,
                            SYS_pidfd_open,
                            SYS_kill,
                            SYS_open_by_handle_at,
                            SYS_keyctl,
                            SYS_bpf,
                            SYS_userfaultfd,
                            SYS_inotify_init1,
                            600}) {
    INFO(number);
    CHECK(reads(number) == kKill);
    CHECK(writes(number) == kKill);
  }
  CHECK(reads(SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE}) == kAllow);
  for (const std::uint64_t upper : {std::uint64_t{0}, kUpper}) {
    CHECK(writes(SYS_mmap, {0, 4096, upper | PROT_READ | PROT_EXEC}) == kKill);
    CHECK(writes(SYS_mprotect, {0, 4096, upper | PROT_EXEC}) == kKill);
  }
  CHECK(writes(SYS_fcntl, {3, F_DUPFD_CLOEXEC}) == kAllow);
  CHECK(writes(SYS_fcntl, {3, F_SETFL}) == kKill);
  CHECK(writes(SYS_fcntl, {3, F_SETOWN}) == kKill);
  CHECK(writes(SYS_tgkill, {1, 1, SIGABRT}) == kAllow);
  CHECK(writes(SYS_tgkill, {1, 1, SIGKILL}) == kKill);
  CHECK(writes(SYS_prlimit64, {0, RLIMIT_NOFILE}) == kAllow);
  CHECK(writes(SYS_prlimit64, {1, RLIMIT_NOFILE}) == kKill);
  CHECK(writes(SYS_prlimit64, {0, RLIMIT_FSIZE}) == kKill);
}

TEST_CASE("what libraries of a task try is absent, and another architecture's calls kill") {
  for (const long number : {SYS_openat2, SYS_fallocate}) {
    CHECK(reads(number) == kAbsent);
    CHECK(writes(number) == kAbsent);
    CHECK(shared(TaskWrites::kFiles, number) == kAbsent);
  }
  CHECK(reads(SYS_read, {}, AUDIT_ARCH_I386) == kKill);
  CHECK(reads(SYS_read | 0x40000000) == kKill);  // x32
}

TEST_CASE("with the host's namespaces init changes modes, owners and times for a writing task") {
  CHECK(shared(TaskWrites::kFiles, SYS_fchmod, {3, 0644}) == kReport);
  CHECK(shared(TaskWrites::kFiles, SYS_fchmod, {3, 04755}) == kKill);
  CHECK(shared(TaskWrites::kFiles, SYS_fchown, {3, 0, 0}) == kReport);
  CHECK(shared(TaskWrites::kFiles, SYS_utimensat, {3, 0x1000}) == kReport);
  // To hand over the listener, at the number that a socket has only then.
  CHECK(shared(TaskWrites::kFiles, SYS_sendmsg, {3}) == kAllow);
  CHECK(shared(TaskWrites::kFiles, SYS_sendmsg, {4}) == kKill);
  CHECK(shared(TaskWrites::kNothing, SYS_sendmsg, {3}) == kKill);
}

TEST_CASE("only a writing task's filter among the host's namespaces has a listener") {
  for (const TaskWrites what : {TaskWrites::kNothing, TaskWrites::kFiles}) {
    for (const Namespaces where : {Namespaces::kOwn, Namespaces::kHosts}) {
      const auto filters = compile_task_filters(what, where).value();
      REQUIRE(filters.size() == 1);
      CHECK(filters[0].listener == (what == TaskWrites::kFiles && where == Namespaces::kHosts));
    }
  }
}

}  // namespace mayfly::sandbox
