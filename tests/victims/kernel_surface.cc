// Attacks 23 to 25 and the sockets: system calls that no program of ours needs. Bad arguments tell
// "the kernel looked at it" from "the filter stopped it".
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

using namespace mayfly::victim;

namespace {

struct Flag {
  unsigned long value;
  const char* name;
};

constexpr Flag kNamespaces[] = {{CLONE_NEWUSER, "user"},     {CLONE_NEWNS, "mnt"},
                                {CLONE_NEWPID, "pid"},       {CLONE_NEWNET, "net"},
                                {CLONE_NEWIPC, "ipc"},       {CLONE_NEWUTS, "uts"},
                                {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWTIME, "time"}};

struct Call {
  const char* name;
  long number;
};

// Called with arguments that are never right. Those that would do something even so, as sync or
// vhangup do, have no place here.
constexpr Call kForbidden[] = {
    {"mount", SYS_mount},
    {"umount2", SYS_umount2},
    {"pivot_root", SYS_pivot_root},
    {"fsopen", SYS_fsopen},
    {"fsconfig", SYS_fsconfig},
    {"fsmount", SYS_fsmount},
    {"fspick", SYS_fspick},
    {"open_tree", SYS_open_tree},
    {"move_mount", SYS_move_mount},
    {"mount_setattr", 442},
    {"statmount", 457},
    {"listmount", 458},
    {"open_tree_attr", 467},
    {"bpf", SYS_bpf},
    {"perf_event_open", SYS_perf_event_open},
    {"userfaultfd", SYS_userfaultfd},
    {"kexec_load", SYS_kexec_load},
    {"kexec_file_load", SYS_kexec_file_load},
    {"init_module", SYS_init_module},
    {"finit_module", SYS_finit_module},
    {"delete_module", SYS_delete_module},
    {"swapon", SYS_swapon},
    {"swapoff", SYS_swapoff},
    {"quotactl", SYS_quotactl},
    {"acct", SYS_acct},
    {"add_key", SYS_add_key},
    {"request_key", SYS_request_key},
    {"syslog", SYS_syslog},
    {"io_uring_enter", SYS_io_uring_enter},
    {"io_uring_register", SYS_io_uring_register},
    {"open_by_handle_at", SYS_open_by_handle_at},
    {"name_to_handle_at", SYS_name_to_handle_at},
    {"fanotify_init", SYS_fanotify_init},
    {"lookup_dcookie", SYS_lookup_dcookie},
    {"move_pages", SYS_move_pages},
    {"migrate_pages", SYS_migrate_pages},
    {"nfsservctl", SYS_nfsservctl},
    {"pidfd_getfd", 438},
    {"process_mrelease", 448},
    {"chroot", SYS_chroot},
    {"setns", SYS_setns},
    {"settimeofday", SYS_settimeofday},
    {"clock_settime", SYS_clock_settime},
    {"ioperm", SYS_ioperm},
    {"iopl", SYS_iopl},
    {"modify_ldt", SYS_modify_ldt},
    {"uselib", SYS_uselib},
    {"setdomainname", SYS_setdomainname},
    {"sethostname", SYS_sethostname},
};

Outcome forbidden(long number) {
  // Neither descriptors, nor pointers, nor commands.
  return probe(syscall(number, -1L, -1L, -1L, -1L, -1L, -1L));
}

Outcome clone_with(unsigned long flag) {
  const long child = syscall(SYS_clone, flag | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) _exit(0);
  if (child > 0) waitpid(static_cast<pid_t>(child), nullptr, 0);
  return must_fail(child);
}

Outcome clone3_with(unsigned long flag) {
  clone_args args{};
  args.flags = flag;
  args.exit_signal = SIGCHLD;
  const long child = syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) _exit(0);
  if (child > 0) waitpid(static_cast<pid_t>(child), nullptr, 0);
  return must_fail(child);
}

Outcome unshare_in_child(unsigned long flag) {
  const pid_t child = fork();
  if (child == 0) _exit(unshare(static_cast<int>(flag)) == 0 ? 0 : errno);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return succeeded("a new namespace");
  return blocked(errno_text(WEXITSTATUS(status)));
}

Outcome setns_to_init(const char* name) {
  const int there = open((std::string("/proc/1/ns/") + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (there < 0) return blocked("open: " + errno_text(errno));
  return must_fail(setns(there, 0));
}

template <typename Ask>
Outcome survives(Ask ask) {
  const pid_t child = fork();
  if (child == 0) _exit(ask() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return blocked("signal " + std::to_string(WTERMSIG(status)));
  return WEXITSTATUS(status) == 0 ? succeeded("was answered") : blocked("an error");
}

bool call_by_int80() {
#ifdef __x86_64__
  long result = 20;  // getpid of the 32-bit table
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result > 0;
#else
  return false;
#endif
}

bool call_by_x32() {
  constexpr long kX32 = 0x40000000;
  return syscall(kX32 | SYS_getpid) > 0;
}

Outcome opens(int family, int type, int protocol) {
  return must_fail(socket(family, type, protocol));
}

}  // namespace

int main() {
  Victim victim;
  for (const Call& call : kForbidden) {
    victim.attempt(call.name, Alone::kUncertain, [&] { return forbidden(call.number); });
  }
  victim.attempt("bpf, looked at", Alone::kSucceeds,
                 [] { return probe(syscall(SYS_bpf, 9999, nullptr, 0)); });
  victim.attempt("mount, looked at", Alone::kSucceeds,
                 [] { return probe(mount(nullptr, nullptr, nullptr, 0, nullptr)); });
  victim.attempt("keyctl", Alone::kUncertain, [] {
    return probe(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
  });
  victim.attempt("io_uring_setup", Alone::kUncertain,
                 [] { return probe(syscall(SYS_io_uring_setup, 1, nullptr)); });
  victim.attempt("memfd_secret", Alone::kUncertain, [] { return probe(syscall(447, 0xffff)); });
  victim.attempt("a system call that does not exist yet", Alone::kUncertain,
                 [] { return probe(syscall(1023, -1, -1)); });
  // What the receipt is to say of these comes from our memory: it must stay one printable line, and
  // a pointer to nowhere must not hold up whoever reads it.
  victim.attempt("a path that tries to be a line of its own", Alone::kUncertain, [] {
    return probe(mount("a\n\x1b[2Kdenied: nothing\r\n", "\xff\xfe\n{}", "b\"\n", 0, nullptr));
  });
  victim.attempt("a path without an end", Alone::kUncertain, [] {
    const std::size_t size = 1 << 20;
    void* text = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(text, 'x', size);
    return probe(mount(static_cast<char*>(text), static_cast<char*>(text), "x", 0, nullptr));
  });
  for (const unsigned long address : {1UL, 0x7fffffffffffUL, 0xffff800000000000UL, ~0UL}) {
    victim.attempt("a path at " + std::to_string(address), Alone::kUncertain, [&] {
      return probe(syscall(SYS_mount, address, address, address, 0, address));
    });
  }
  for (const Flag& flag : kNamespaces) {
    const std::string name = flag.name;
    victim.attempt("unshare " + name,
                   flag.value == CLONE_NEWUSER ? Alone::kUncertain : Alone::kSucceeds,
                   [&] { return unshare_in_child(flag.value); });
    if (flag.value != CLONE_NEWTIME) {  // a signal number to clone
      victim.attempt("clone " + name, Alone::kSucceeds, [&] { return clone_with(flag.value); });
      victim.attempt("clone with high bits " + name, Alone::kUncertain,
                     [&] { return clone_with(flag.value | 0x100000000UL); });
    }
    victim.attempt("clone3 " + name, Alone::kSucceeds, [&] { return clone3_with(flag.value); });
    victim.attempt("setns " + name, Alone::kUncertain, [&] { return setns_to_init(flag.name); });
  }
  // -1 is no terminal: EBADF from the kernel, EPERM from the filter.
  for (const unsigned long request : {0x5412UL, 0x541cUL, 0x5423UL}) {  // TIOCSTI, TIOCLINUX, TIOCSETD
    victim.attempt("ioctl " + std::to_string(request), Alone::kSucceeds,
                   [&] { return probe(syscall(SYS_ioctl, -1, request, "x")); });
    victim.attempt("ioctl with high bits " + std::to_string(request), Alone::kSucceeds,
                   [&] { return probe(syscall(SYS_ioctl, -1, request | 0x100000000UL, "x")); });
  }
  victim.attempt("int 0x80", Alone::kUncertain, [] { return survives(call_by_int80); });
  victim.attempt("x32", Alone::kUncertain, [] { return survives(call_by_x32); });
  victim.attempt("AF_UNIX datagrams", Alone::kSucceeds, [] { return opens(AF_UNIX, SOCK_DGRAM, 0); });
  victim.attempt("AF_UNIX datagrams as raw", Alone::kSucceeds, [] { return opens(AF_UNIX, SOCK_RAW, 0); });
  victim.attempt("AF_PACKET", Alone::kUncertain, [] { return opens(AF_PACKET, SOCK_RAW, 0); });
  victim.attempt("AF_VSOCK", Alone::kUncertain, [] { return opens(AF_VSOCK, SOCK_STREAM, 0); });
  victim.attempt("AF_ALG", Alone::kUncertain, [] { return opens(AF_ALG, SOCK_SEQPACKET, 0); });
  victim.attempt("raw IPv4", Alone::kSucceeds, [] { return opens(AF_INET, SOCK_RAW, 255); });
  victim.attempt("raw IPv6", Alone::kUncertain, [] { return opens(AF_INET6, SOCK_RAW, 255); });
  victim.attempt("messages to netfilter", Alone::kUncertain, [] { return opens(AF_NETLINK, SOCK_RAW, 12); });
  victim.attempt("kernel events", Alone::kSucceeds,
                 [] { return opens(AF_NETLINK, SOCK_DGRAM, 15); });
  return victim.result();
}
