#include "sandbox/linux/seccomp_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>

#include "catch_shim.h"
#include "filters.h"
#include "sandbox/linux/syscall_rules.h"

// The filter's three proofs: the rules as data, the compiled program, and its execution on made-up
// system calls. (The fourth, real calls from inside, are the victims.)
namespace mayfly::sandbox {
namespace {

using namespace test;

SyscallPolicy all_but_tracing() {
  SyscallPolicy policy = everything();
  std::erase_if(policy.allow, [](const SyscallRule& rule) { return rule.group == "tracing"; });
  return policy;
}

std::uint32_t answer(long number, std::array<std::uint64_t, 6> arguments = {},
                     std::uint32_t arch = AUDIT_ARCH_X86_64) {
  static const std::vector<FilterProgram> filters = compile_filters(everything()).value();
  return answer_of(filters, number, arguments, arch);
}

// Where the host's namespaces are shared.
std::uint32_t shared(long number, std::array<std::uint64_t, 6> arguments = {}) {
  FilterOptions options;
  options.namespaces = Namespaces::kHosts;
  static const std::vector<FilterProgram> filters = compile_filters(everything(), options).value();
  return answer_of(filters, number, arguments);
}

const std::vector<FilterProgram>& without_tracing() {
  static const auto filters = compile_filters(all_but_tracing()).value();
  return filters;
}

const std::vector<FilterProgram>& without_supervisor() {
  static const auto filters =
      compile_filters(everything(), {.supervision = Supervision::kNone}).value();
  return filters;
}

}  // namespace

TEST_CASE("no call is in the tables twice with different answers") {
  std::set<std::string> unreported;
  for (const DeniedCall& call : unreported_calls()) CHECK(unreported.insert(call.name).second);
  for (const SyscallGroup& group : allowed_groups()) {
    for (const AllowedCall& call : group.calls) {
      INFO(call.name);
      CHECK(unreported.count(call.name) == 0);
      for (const ArgumentRule& rule : call.rules) CHECK((rule.value & ~rule.mask) == 0);
      for (const char* supervised : supervised_calls()) {
        CHECK(call.name != std::string_view(supervised));
      }
    }
  }
  for (const char* supervised : supervised_calls()) CHECK(unreported.count(supervised) == 0);
}

TEST_CASE("the tables let no local socket in that could send without connecting") {
  for (const AllowedCall& call : calls_needing_supervisor()) {
    INFO(call.name);
    REQUIRE(call.rules.size() == 2);
    CHECK((call.rules[0].argument == 0 && call.rules[0].value == AF_UNIX));
    CHECK((call.rules[1].value == SOCK_STREAM || call.rules[1].value == SOCK_SEQPACKET));
  }
}

TEST_CASE("the allowlist is the only filter with a listener and is loaded last") {
  const auto filters = compile_filters(everything()).value();
  REQUIRE(filters.size() == 2);
  CHECK_FALSE(filters[0].listener);
  CHECK(filters[1].listener);
}

TEST_CASE("the allowlist looks at the architecture before anything else") {
  const auto filters = compile_filters(everything()).value();
  sock_filter first{};
  std::memcpy(&first, filters[1].bytes.data(), sizeof first);
  CHECK(first.code == (BPF_LD | BPF_W | BPF_ABS));
  CHECK(first.k == offsetof(seccomp_data, arch));
}

TEST_CASE("what programs do all day is allowed") {
  for (const long number : {SYS_read, SYS_write, SYS_mmap, SYS_execve, SYS_exit_group, SYS_futex,
                            SYS_ptrace, SYS_wait4, SYS_pipe2, SYS_getrandom, SYS_rseq, SYS_statx}) {
    INFO(number);
    CHECK(answer(number) == kAllow);
  }
}

TEST_CASE("calls that change the machine are refused and reported") {
  for (const long number : {SYS_mount,       SYS_umount2,    SYS_pivot_root,  SYS_chroot,
                            SYS_setns,       SYS_unshare,    SYS_bpf,         SYS_perf_event_open,
                            SYS_userfaultfd, SYS_keyctl,     SYS_add_key,     SYS_request_key,
                            SYS_reboot,      SYS_kexec_load, SYS_init_module, SYS_open_by_handle_at,
                            SYS_open_tree,   SYS_move_mount, SYS_fsopen,      SYS_mount_setattr,
                            SYS_swapon,      SYS_acct,       SYS_pidfd_getfd}) {
    INFO(number);
    CHECK(answer(number) == kReport);
  }
}

TEST_CASE("calls whose arguments cannot be filtered are absent") {
  for (const long number :
       {SYS_clone3, SYS_openat2, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register}) {
    INFO(number);
    CHECK(answer(number) == kAbsent);
  }
}

TEST_CASE("calls younger than the tables are absent, up to the last number there is") {
  CHECK(answer(newest_known_call() + 1) == kAbsent);
  CHECK(answer(600) == kAbsent);
  CHECK(answer(1023) == kAbsent);
}

TEST_CASE("another architecture's calls are reported, whatever their number means here") {
  constexpr long kX32 = 0x40000000;
  const FilterOptions alone{.supervision = Supervision::kNone};
  const auto unheard = compile_filters(everything(), alone).value();
  for (long number = 0; number < 600; ++number) {
    INFO(number);
    CHECK(answer(number, {}, AUDIT_ARCH_I386) == kReport);
    CHECK(answer(number, {}, AUDIT_ARCH_ARM) == kReport);
    CHECK(answer(number | kX32) == kReport);
    CHECK(answer_of(unheard, number, {}, AUDIT_ARCH_I386) == kKill);
    CHECK(answer_of(unheard, number | kX32) == kKill);
  }
}

TEST_CASE("a profile's own rules let no call of another architecture through") {
  SyscallPolicy policy = everything();
  policy.danger_allow = rules({"mount", "personality"});
  policy.deny = rules({"ptrace"});
  const auto filters = compile_filters(policy).value();
  for (long number = 0; number < 600; ++number) {
    INFO(number);
    CHECK(answer_of(filters, number, {}, AUDIT_ARCH_I386) == kReport);
    CHECK(answer_of(filters, number | 0x40000000) == kReport);
  }
}

TEST_CASE("clone makes processes and threads but no namespaces") {
  CHECK(answer(SYS_clone, {SIGCHLD}) == kAllow);
  CHECK(answer(SYS_clone, {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}) == kAllow);
  for (const std::uint64_t flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET,
                                   CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    INFO(flag);
    CHECK(answer(SYS_clone, {flag | SIGCHLD}) == kReport);
  }
}

TEST_CASE("no call makes a set-id file") {
  for (const std::uint64_t bits : {04755, 02755, 06000, 04000}) {
    INFO(bits);
    CHECK(answer(SYS_chmod, {0, bits}) == kReport);
    CHECK(answer(SYS_fchmod, {0, bits}) == kReport);
    CHECK(answer(SYS_fchmodat, {0, 0, bits}) == kReport);
    CHECK(answer(SYS_creat, {0, bits}) == kReport);
    CHECK(answer(SYS_open, {0, O_CREAT | O_WRONLY, bits}) == kReport);
    CHECK(answer(SYS_openat, {0, 0, O_CREAT | O_WRONLY, bits}) == kReport);
    CHECK(answer(SYS_openat, {0, 0, O_TMPFILE | O_RDWR, bits}) == kReport);
    CHECK(answer(SYS_mknod, {0, S_IFREG | bits}) == kReport);
    CHECK(answer(SYS_mknodat, {0, 0, S_IFREG | bits}) == kReport);
  }
  CHECK(answer(SYS_chmod, {0, 01777}) == kAllow);
  CHECK(answer(SYS_openat, {0, 0, O_CREAT | O_WRONLY, 0644}) == kAllow);
  // Without O_CREAT the mode is whatever was in the register.
  CHECK(answer(SYS_openat, {0, 0, O_RDONLY, 04755}) == kAllow);
  CHECK(answer(SYS_openat, {0, 0, O_DIRECTORY, 04755}) == kAllow);
}

TEST_CASE("mode bits above 32 do not hide the ones below") {
  CHECK(answer(SYS_chmod, {0, 0x100000000ULL | 04755}) == kReport);
  CHECK(answer(SYS_clone, {0x100000000ULL | CLONE_NEWUSER}) == kReport);
}

TEST_CASE("no call makes a device node, a whiteout neither") {
  CHECK(answer(SYS_mknod, {0, S_IFCHR | 0600}) == kReport);
  CHECK(answer(SYS_mknodat, {0, 0, S_IFBLK | 0600}) == kReport);
  CHECK(answer(SYS_mknodat, {0, 0, S_IFIFO | 0600}) == kAllow);
}

TEST_CASE("only the families of sockets that stay inside are there") {
  CHECK(answer(SYS_socket, {AF_INET, SOCK_STREAM}) == kAllow);
  CHECK(answer(SYS_socket, {AF_INET6, SOCK_DGRAM}) == kAllow);
  CHECK(answer(SYS_socket, {AF_NETLINK, SOCK_RAW, 0}) == kAllow);
  CHECK(answer(SYS_socketpair, {AF_UNIX, SOCK_STREAM}) == kAllow);
  CHECK(answer(SYS_socket, {AF_NETLINK, SOCK_RAW, 12}) == kReport);  // netfilter
  CHECK(answer(SYS_socket, {AF_NETLINK, SOCK_RAW, 4}) == kReport);   // what sockets there are
  for (const std::uint64_t family : {AF_VSOCK, AF_PACKET, AF_ALG, AF_KEY, AF_BLUETOOTH}) {
    INFO(family);
    CHECK(answer(SYS_socket, {family, SOCK_STREAM}) == kReport);
  }
}

TEST_CASE("a local socket is one that must connect before it reaches anybody") {
  constexpr std::uint64_t kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  for (const long number : {SYS_socket, SYS_socketpair}) {
    INFO(number);
    for (const std::uint64_t flags : {std::uint64_t{0}, std::uint64_t{SOCK_CLOEXEC}, kFlags}) {
      CHECK(answer(number, {AF_UNIX, SOCK_STREAM | flags}) == kAllow);
      CHECK(answer(number, {AF_UNIX, SOCK_SEQPACKET | flags}) == kAllow);
      // Datagrams go to any path, and SOCK_RAW is another name of them.
      for (const std::uint64_t type : {SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_PACKET}) {
        CHECK(answer(number, {AF_UNIX, type | flags}) == kReport);
      }
    }
    CHECK(answer(number, {AF_UNIX, SOCK_STREAM | 0x100}) == kReport);  // a flag we do not know
    CHECK(answer(number, {AF_UNIX, 0x100000000ULL | SOCK_DGRAM}) == kReport);
    CHECK(answer(number, {0x100000000ULL | AF_UNIX, SOCK_DGRAM}) == kReport);
  }
}

TEST_CASE("connect and fallocate always go to the supervisor") {
  CHECK(answer(SYS_connect) == kReport);
  CHECK(answer(SYS_connect, {3, 0x7fff0000, 110}) == kReport);
  CHECK(answer(SYS_fallocate, {3, 0, 0, 4096}) == kReport);
}

TEST_CASE("without a supervisor there are no local sockets but pairs, and nothing is reported") {
  const auto& filters = without_supervisor();
  for (const FilterProgram& filter : filters) CHECK_FALSE(filter.listener);
  CHECK(answer_of(filters, SYS_socket, {AF_UNIX, SOCK_STREAM}) == kRefused);
  CHECK(answer_of(filters, SYS_socketpair, {AF_UNIX, SOCK_STREAM}) == kAllow);
  CHECK(answer_of(filters, SYS_socketpair, {AF_UNIX, SOCK_DGRAM}) == kRefused);
  CHECK(answer_of(filters, SYS_connect) == kAllow);
  CHECK(answer_of(filters, SYS_fallocate) == kAllow);
  CHECK(answer_of(filters, SYS_mount) == kRefused);
  CHECK(answer_of(filters, SYS_clone3) == kAbsent);
  CHECK(answer_of(filters, SYS_read, {}, AUDIT_ARCH_I386) == kKill);
}

TEST_CASE("a policy without tracing denies it and reports it, and nothing else changes") {
  const auto& filters = without_tracing();
  for (const long number : {SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp}) {
    INFO(number);
    CHECK(answer(number) == kAllow);
    CHECK(answer_of(filters, number) == kReport);
  }
  for (long number = 0; number < 512; ++number) {
    const bool tracing = number == SYS_ptrace || number == SYS_process_vm_readv ||
                         number == SYS_process_vm_writev || number == SYS_kcmp;
    INFO(number);
    if (!tracing) CHECK(answer_of(filters, number) == answer(number));
  }
}

TEST_CASE(
    "no ioctl types into a terminal or changes its line discipline, whatever its upper half") {
  CHECK(answer(SYS_ioctl, {0, TIOCSTI}) == kRefused);
  CHECK(answer(SYS_ioctl, {0, TIOCLINUX}) == kRefused);
  CHECK(answer(SYS_ioctl, {0, 0xdeadbeef00000000ULL | TIOCSTI}) == kRefused);
  CHECK(answer(SYS_ioctl, {0, TIOCSETD}) == kRefused);
  CHECK(answer(SYS_ioctl, {0, 0xdeadbeef00000000ULL | TIOCSETD}) == kRefused);
  CHECK(answer(SYS_ioctl, {0, TIOCGETD}) == kAllow);
  CHECK(answer(SYS_ioctl, {0, TCGETS}) == kAllow);
}

TEST_CASE("no ioctl changes a terminal's line discipline") {
  CHECK(answer(SYS_ioctl, {0, TIOCSETD}) == kRefused);
  CHECK(answer(SYS_ioctl, {0, 0xdeadbeef00000000ULL | TIOCSETD}) == kRefused);
  CHECK(answer(SYS_ioctl, {0, TIOCGETD}) == kAllow);
}

TEST_CASE("the limit of core files cannot be changed, and setting it seems to work") {
  constexpr std::uint32_t kNothingDone = SECCOMP_RET_ERRNO;
  CHECK(answer(SYS_setrlimit, {RLIMIT_CORE, 0x1000}) == kNothingDone);
  CHECK(answer(SYS_prlimit64, {0, RLIMIT_CORE, 0x1000, 0}) == kNothingDone);
  CHECK(answer(SYS_prlimit64, {0, RLIMIT_CORE, 0x7f0000000000ULL, 0}) == kNothingDone);
  CHECK(answer(SYS_prlimit64, {0, RLIMIT_CORE, 0, 0x1000}) == kAllow);
  CHECK(answer(SYS_getrlimit, {RLIMIT_CORE, 0x1000}) == kAllow);
  CHECK(answer(SYS_setrlimit, {RLIMIT_NOFILE, 0x1000}) == kAllow);
  CHECK(answer(SYS_prlimit64, {0, RLIMIT_NOFILE, 0x1000, 0}) == kAllow);
}

TEST_CASE("personality can turn off address randomisation, as debuggers do, and nothing else") {
  CHECK(answer(SYS_personality, {0xffffffff}) == kAllow);
  CHECK(answer(SYS_personality, {ADDR_NO_RANDOMIZE}) == kAllow);
  CHECK(answer(SYS_personality, {READ_IMPLIES_EXEC}) == kReport);
  CHECK(answer(SYS_personality, {PER_LINUX32}) == kReport);
}

TEST_CASE("a program can filter itself but not put a supervisor in our place") {
  CHECK(answer(SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0}) == kAllow);
  CHECK(answer(SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER}) ==
        kReport);
}

TEST_CASE("with the host's namespaces there are no sockets but pairs that are connected") {
  for (const std::uint64_t family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK}) {
    CHECK(shared(SYS_socket, {family, SOCK_STREAM, 0}) == kReport);
  }
  CHECK(shared(SYS_socketpair, {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC}) == kAllow);
  CHECK(shared(SYS_socketpair, {AF_UNIX, SOCK_SEQPACKET}) == kAllow);
  CHECK(shared(SYS_socketpair, {AF_UNIX, SOCK_DGRAM}) == kReport);
  CHECK(shared(SYS_sendto, {3, 1, 1, 0, 0, 0}) == kAllow);
  CHECK(shared(SYS_sendto, {3, 1, 1, 0, 0x1000, 16}) == kReport);
  CHECK(shared(SYS_sendto, {3, 1, 1, 0, 0x7fff00000000, 16}) == kReport);
  for (const long call : {SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_shmget,
                          SYS_semget, SYS_msgget, SYS_mq_open, SYS_inotify_add_watch}) {
    CHECK(shared(call) == kReport);
  }
}

TEST_CASE("with the host's namespaces only the caller itself can be changed by its number") {
  for (const long call : {SYS_prlimit64, SYS_sched_setparam, SYS_sched_setscheduler,
                          SYS_sched_setattr, SYS_sched_setaffinity}) {
    CHECK(shared(call, {0}) == kAllow);
    CHECK(shared(call, {1234}) == kReport);
  }
  CHECK(shared(SYS_setpriority, {PRIO_PROCESS, 0}) == kAllow);
  CHECK(shared(SYS_setpriority, {PRIO_PROCESS, 1234}) == kReport);
  CHECK(shared(SYS_setpriority, {PRIO_USER, 0}) == kReport);
}

TEST_CASE("with the host's namespaces init is asked for every change of modes and times") {
  for (const long call :
       {SYS_chmod, SYS_fchmod, SYS_fchmodat, SYS_utime, SYS_utimes, SYS_futimesat, SYS_utimensat,
        SYS_chown, SYS_fchown, SYS_lchown, SYS_fchownat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
        SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr}) {
    CHECK(shared(call, {3, 0, 0644}) == kReport);
  }
}

TEST_CASE("with the host's namespaces requests that change a file by any descriptor are refused") {
  for (const unsigned long request :
       {FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_FIEMAP, FICLONE, FICLONERANGE, FIDEDUPERANGE,
        static_cast<unsigned long>(TCGETS), static_cast<unsigned long>(FIONREAD)}) {
    INFO(request);
    CHECK(shared(SYS_ioctl, {3, request}) == kAllow);
  }
  for (const unsigned long request :
       {FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, FS_IOC_SETVERSION, 0x5000940eUL /* btrfs: subvolume */,
        0x4004f50cUL /* f2fs */, static_cast<unsigned long>(TIOCSTI)}) {
    INFO(request);
    CHECK(shared(SYS_ioctl, {3, request}) == kRefused);
    CHECK(shared(SYS_ioctl, {3, request | 0xffffffff00000000}) == kRefused);
  }
  CHECK(shared(SYS_prlimit64, {1}) != kAllow);
  CHECK(shared(newest_known_call() + 1) == kAbsent);
}

}  // namespace mayfly::sandbox
