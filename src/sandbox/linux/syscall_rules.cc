#include "sandbox/linux/syscall_rules.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace mayfly::sandbox {
namespace {

constexpr std::uint64_t kAll32 = 0xffffffff;

// Set-id bits would outlive the sandbox: the file would be set-uid for whoever owns the workspace.
constexpr std::uint64_t kSetId = S_ISUID | S_ISGID;
// O_TMPFILE without O_DIRECTORY, which it contains: the bit that creates.
constexpr std::uint64_t kCreates = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);
// From linux/ioprio.h, which not every set of headers has.
constexpr std::uint64_t kIoprioProcess = 1;
constexpr std::uint64_t kIoprioGroup = 2;
constexpr std::uint64_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

ArgumentRule is(unsigned argument, std::uint64_t value) { return {argument, kAll32, value}; }

// Of local sockets, those that reach nobody before `connect`. A datagram socket sends to any path,
// with every message, without connecting (SOCK_RAW is another name of it: unix_create()).
constexpr std::uint64_t kSocketType = kAll32 & ~std::uint64_t{SOCK_CLOEXEC | SOCK_NONBLOCK};
ArgumentRule stream(unsigned argument) { return {argument, kSocketType, SOCK_STREAM}; }
ArgumentRule packets(unsigned argument) { return {argument, kSocketType, SOCK_SEQPACKET}; }

ArgumentRule lacks(unsigned argument, std::uint64_t bits) { return {argument, bits, 0}; }

std::vector<AllowedCall> plain(std::initializer_list<const char*> names) {
  std::vector<AllowedCall> calls;
  for (const char* name : names) calls.push_back({name, {}});
  return calls;
}

std::vector<AllowedCall> operator+(std::vector<AllowedCall> left,
                                   const std::vector<AllowedCall>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// A file may be made as long as it is a regular file, a FIFO or a socket without set-id bits.
std::vector<AllowedCall> make_node(const char* name, unsigned mode_argument) {
  constexpr std::uint64_t kTypeAndSetId = S_IFMT | kSetId;
  std::vector<AllowedCall> calls;
  for (const std::uint64_t type : {std::uint64_t{0}, std::uint64_t{S_IFREG}, std::uint64_t{S_IFIFO},
                                   std::uint64_t{S_IFSOCK}}) {
    calls.push_back({name, {{mode_argument, kTypeAndSetId, type}}});
  }
  return calls;
}

// Internet sockets of the common protocols: naming another one makes the kernel load its module.
std::vector<AllowedCall> internet_sockets() {
  std::vector<AllowedCall> calls;
  for (const std::uint64_t family : {AF_INET, AF_INET6}) {
    for (const int protocol : std::initializer_list<int>{IPPROTO_IP, IPPROTO_ICMP, IPPROTO_TCP,
                                                         IPPROTO_UDP, IPPROTO_ICMPV6}) {
      calls.push_back({"socket", {is(0, family), is(2, std::uint64_t(protocol))}});
    }
  }
  return calls;
}

// One name a line would make six screens of this.
// clang-format off
std::vector<SyscallGroup> make_groups() {
  return {
      {"files", plain({
            "access", "chdir", "close", "close_range", "copy_file_range", "dup", "dup2", "dup3",
            "faccessat", "faccessat2", "fadvise64", "fchdir", "fchown", "fchownat",
            "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr",
            "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents",
            "getdents64", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
            "inotify_rm_watch", "lchown", "chown", "lgetxattr", "link", "linkat", "listxattr",
            "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat",
            "newfstatat", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2",
            "read", "readahead", "readlink", "readlinkat", "readv", "removexattr", "rename",
            "renameat", "rmdir", "sendfile", "setxattr", "splice", "stat", "statfs", "statx",
            "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate",
            "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write",
            "writev"}) +
                    std::vector<AllowedCall>{
                        {"open", {lacks(1, kCreates)}},
                        {"open", {lacks(2, kSetId)}},
                        {"openat", {lacks(2, kCreates)}},
                        {"openat", {lacks(3, kSetId)}},
                        // A whiteout is a device node, and would be the host's.
                        {"renameat2", {lacks(4, RENAME_WHITEOUT)}},
                        {"creat", {lacks(1, kSetId)}},
                        {"chmod", {lacks(1, kSetId)}},
                        {"fchmod", {lacks(1, kSetId)}},
                        {"fchmodat", {lacks(2, kSetId)}},
                    } +
                    make_node("mknod", 1) + make_node("mknodat", 2),
       {"fallocate"}},
      {"memory", plain({
            "brk", "cachestat", "get_mempolicy", "madvise", "mbind", "membarrier", "memfd_create",
            "mincore", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap", "msync",
            "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
            "process_madvise", "remap_file_pages", "set_mempolicy"})},
      {"processes", plain({
            "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork",
            "getcpu", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid",
            "getppid", "getpriority", "getresgid", "getresuid", "getrlimit", "getrusage",
            "getsid", "gettid", "getuid", "get_robust_list", "get_thread_area", "ioprio_get",
            "kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self",
            "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "rseq", "rt_sigaction",
            "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
            "rt_sigtimedwait", "rt_tgsigqueueinfo", "restart_syscall", "sched_getaffinity",
            "sched_getattr", "sched_getparam", "sched_get_priority_max", "sched_get_priority_min",
            "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr",
            "sched_setparam", "sched_setscheduler", "sched_yield", "set_robust_list",
            "set_thread_area", "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups",
            "setpgid", "setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid",
            "setuid", "sigaltstack", "tgkill", "tkill", "vfork", "wait4", "waitid"}) +
                        std::vector<AllowedCall>{
                            {"clone", {lacks(0, kNewNamespaces)}},
                            // Not "all processes of this user": init is one of them.
                            {"setpriority", {is(0, PRIO_PROCESS)}},
                            {"setpriority", {is(0, PRIO_PGRP)}},
                            {"ioprio_set", {is(0, kIoprioProcess)}},
                            {"ioprio_set", {is(0, kIoprioGroup)}},
                            {"personality", {is(0, PER_LINUX)}},
                            {"personality", {is(0, kAll32)}},
                            {"personality", {is(0, ADDR_NO_RANDOMIZE)}},
                            {"seccomp", {lacks(1, SECCOMP_FILTER_FLAG_NEW_LISTENER)}},
                        }},
      {"tracing", plain({
            "kcmp", "process_vm_readv", "process_vm_writev", "ptrace"})},
      {"waiting",
       plain({
            "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
            "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "futex",
            "futex_waitv", "pause", "pipe", "pipe2", "poll", "ppoll", "pselect6", "select",
            "signalfd", "signalfd4"})},
      {"time", plain({
            "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer",
            "gettimeofday", "nanosleep", "setitimer", "time", "timer_create", "timer_delete",
            "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
            "timerfd_gettime", "timerfd_settime", "times"})},
      {"sockets",
       plain({
            "accept", "accept4", "bind", "getpeername", "getsockname", "getsockopt",
            "listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto",
            "setsockopt", "shutdown"}) +
           internet_sockets() +
           // What getifaddrs(3) asks. Everything else of netlink configures.
           std::vector<AllowedCall>{{"socket", {is(0, AF_NETLINK), is(2, NETLINK_ROUTE)}},
                                    {"socketpair", {is(0, AF_UNIX), stream(1)}},
                                    {"socketpair", {is(0, AF_UNIX), packets(1)}}},
       {"connect"}},
      {"ipc", plain({
            "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend",
            "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop",
            "semtimedop", "shmat", "shmctl", "shmdt", "shmget"})},
      // What the tail filter looks at (seccomp_filter.cc) is allowed as a whole here.
      {"devices", plain({
            "ioctl"})},
      {"system", plain({
            "getrandom", "sysinfo", "uname"})},
  };
}
// clang-format on

}  // namespace

const std::vector<SyscallGroup>& allowed_groups() {
  static const std::vector<SyscallGroup> groups = make_groups();
  return groups;
}

const std::vector<NarrowedCall>& narrowed_calls() {
  constexpr std::uint64_t kAll64 = ~0ULL;
  constexpr std::uint64_t kSocketType = 0xf;  // SOCK_TYPE_MASK of linux/net.h
  static const std::vector<ArgumentRule> self = {is(0, 0)};
  static const std::vector<NarrowedCall> calls = {
      // The network, the sockets and the message queues would be the host's. A pair of datagram
      // sockets can be sent from to any socket of a name (unix(7)).
      {"socket", {}},
      {"connect", {}},
      {"bind", {}},
      {"listen", {}},
      {"accept", {}},
      {"accept4", {}},
      {"socketpair",
       {{is(0, AF_UNIX), {1, kSocketType, SOCK_STREAM}},
        {is(0, AF_UNIX), {1, kSocketType, SOCK_SEQPACKET}}}},
      {"sendto", {{{4, kAll64, 0}}}},
      {"mq_open", {}},
      {"mq_unlink", {}},
      {"msgget", {}},
      {"msgctl", {}},
      {"msgrcv", {}},
      {"msgsnd", {}},
      {"semget", {}},
      {"semctl", {}},
      {"semop", {}},
      {"semtimedop", {}},
      {"shmget", {}},
      {"shmctl", {}},
      {"shmat", {}},
      {"shmdt", {}},
      // Every process of the user's is one that these reach.
      {"prlimit64", {self}},
      {"sched_setparam", {self}},
      {"sched_setscheduler", {self}},
      {"sched_setattr", {self}},
      {"sched_setaffinity", {self}},
      {"setpriority", {{is(0, PRIO_PROCESS), is(1, 0)}, {is(0, PRIO_PGRP), is(1, 0)}}},
      {"ioprio_set", {{is(0, kIoprioProcess), is(1, 0)}, {is(0, kIoprioGroup), is(1, 0)}}},
      // Landlock lets these pass at every file of the user's (landlock(7), BUGS). Init does the
      // first ones where they are fine (file_attributes.h).
      {"chmod", {}},
      {"fchmod", {}},
      {"fchmodat", {}},
      {"utime", {}},
      {"utimes", {}},
      {"futimesat", {}},
      {"utimensat", {}},
      {"chown", {}},
      {"fchown", {}},
      {"lchown", {}},
      {"fchownat", {}},
      {"setxattr", {}},
      {"lsetxattr", {}},
      {"fsetxattr", {}},
      {"removexattr", {}},
      {"lremovexattr", {}},
      {"fremovexattr", {}},
      {"inotify_add_watch", {}},
      // Init counts what is reserved.
      {"fallocate", {}},
  };
  return calls;
}

const std::vector<const char*>& supervised_calls() {
  static const std::vector<const char*> calls = [] {
    std::vector<const char*> all;
    for (const SyscallGroup& group : allowed_groups()) {
      all.insert(all.end(), group.supervised.begin(), group.supervised.end());
    }
    return all;
  }();
  return calls;
}

const std::vector<AllowedCall>& calls_needing_supervisor() {
  static const std::vector<AllowedCall> calls = {{"socket", {is(0, AF_UNIX), stream(1)}},
                                                 {"socket", {is(0, AF_UNIX), packets(1)}}};
  return calls;
}

const std::vector<DeniedCall>& unreported_calls() {
  // Arguments behind a pointer cannot be filtered: clone3's flags, openat2's mode. io_uring would
  // do all calls past the filter. Libraries fall back from each of them.
  static const std::vector<DeniedCall> calls = {
      {"clone3", Answer::kAbsent},
      {"openat2", Answer::kAbsent},
      {"fchmodat2", Answer::kAbsent},
      {"io_uring_setup", Answer::kAbsent},
      {"io_uring_enter", Answer::kAbsent},
      {"io_uring_register", Answer::kAbsent},
      {"memfd_secret", Answer::kAbsent},
      {"set_mempolicy_home_node", Answer::kAbsent},
      {"get_kernel_syms", Answer::kAbsent},
      {"_sysctl", Answer::kAbsent},
      // Contexts are counted for the whole machine (fs.aio-max-nr): one call could take them all.
      {"io_setup", Answer::kAbsent},
      {"io_submit", Answer::kAbsent},
      {"io_getevents", Answer::kAbsent},
      {"io_pgetevents", Answer::kAbsent},
      {"io_cancel", Answer::kAbsent},
      {"io_destroy", Answer::kAbsent},
      {"clock_adjtime", Answer::kQuiet},
      {"adjtimex", Answer::kQuiet},
  };
  return calls;
}

}  // namespace mayfly::sandbox
