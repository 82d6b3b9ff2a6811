#include "sandbox/linux/syscall_text.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/reboot.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/quota.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <map>
#include <optional>
#include <string>

#include "catch_shim.h"

using namespace mayfly::sandbox;

namespace {

using Arguments = std::array<std::uint64_t, 6>;

seccomp_data call(long number, Arguments arguments, std::uint32_t arch = AUDIT_ARCH_X86_64) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = arch;
  std::copy(arguments.begin(), arguments.end(), std::begin(data.args));
  return data;
}

// Strings live at made-up addresses.
std::string text(long number, Arguments arguments,
                 const std::map<std::uint64_t, std::string>& strings = {}) {
  const CallText told = describe_call(call(number, arguments), [&](std::uint64_t address) {
    const auto found = strings.find(address);
    return found == strings.end() ? std::nullopt : std::optional(found->second);
  });
  return told.target.empty() ? told.operation : told.operation + " " + told.target;
}

}  // namespace

TEST_CASE("denied calls are told with the kernel's names of their arguments") {
  CHECK(text(SYS_unshare, {CLONE_NEWUSER}) == "unshare CLONE_NEWUSER");
  CHECK(text(SYS_unshare, {CLONE_NEWUSER | CLONE_NEWNS}) == "unshare CLONE_NEWUSER|CLONE_NEWNS");
  CHECK(text(SYS_unshare, {CLONE_FILES | 0x1}) == "unshare CLONE_FILES|0x1");
  CHECK(text(SYS_clone, {CLONE_NEWPID | CLONE_VM | SIGCHLD}) == "clone CLONE_NEWPID");
  CHECK(text(SYS_setns, {3, CLONE_NEWNET}) == "setns CLONE_NEWNET");
  CHECK(text(SYS_setns, {3, 0}) == "setns");
  CHECK(text(SYS_ptrace, {PTRACE_ATTACH, 17}) == "ptrace PTRACE_ATTACH");
  CHECK(text(SYS_bpf, {BPF_PROG_LOAD}) == "bpf BPF_PROG_LOAD");
  CHECK(text(SYS_bpf, {BPF_MAP_CREATE}) == "bpf BPF_MAP_CREATE");
  CHECK(text(SYS_bpf, {4711}) == "bpf 4711");
  CHECK(text(SYS_keyctl, {KEYCTL_READ}) == "keyctl KEYCTL_READ");
  CHECK(text(SYS_prctl, {PR_SET_MM}) == "prctl PR_SET_MM");
  CHECK(text(SYS_personality, {READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE}) ==
        "personality ADDR_NO_RANDOMIZE|READ_IMPLIES_EXEC");
  CHECK(text(SYS_ioctl, {0, TIOCSTI}) == "ioctl TIOCSTI");
  CHECK(text(SYS_ioctl, {0, 0x12345678}) == "ioctl 0x12345678");
  CHECK(text(SYS_reboot, {0, 0, LINUX_REBOOT_CMD_POWER_OFF}) ==
        "reboot LINUX_REBOOT_CMD_POWER_OFF");
  CHECK(text(SYS_clock_settime, {CLOCK_REALTIME}) == "clock_settime CLOCK_REALTIME");
  CHECK(text(SYS_seccomp, {1, SECCOMP_FILTER_FLAG_NEW_LISTENER}) ==
        "seccomp SECCOMP_FILTER_FLAG_NEW_LISTENER");
  CHECK(text(SYS_userfaultfd, {O_CLOEXEC}) == "userfaultfd 0x80000");
  CHECK(text(SYS_chmod, {0, 04755}) == "chmod mode 04755");
  CHECK(text(SYS_perf_event_open, {}) == "perf_event_open");
  CHECK(text(SYS_kexec_load, {}) == "kexec_load");
  CHECK(text(SYS_open_by_handle_at, {}) == "open_by_handle_at");
  CHECK(text(SYS_pidfd_getfd, {3, 4}) == "pidfd_getfd");
  CHECK(text(9999, {}) == "system call 9999");
}

TEST_CASE("sockets are told by family, type and protocol") {
  CHECK(text(SYS_socket, {AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC}) == "socket AF_VSOCK, SOCK_STREAM");
  CHECK(text(SYS_socket, {AF_INET, SOCK_STREAM, IPPROTO_SCTP}) ==
        "socket AF_INET, SOCK_STREAM, IPPROTO_SCTP");
  CHECK(text(SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}) ==
        "socket AF_NETLINK, SOCK_RAW, NETLINK_AUDIT");
  CHECK(text(SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}) ==
        "socket AF_NETLINK, SOCK_RAW, NETLINK_ROUTE");
  CHECK(text(SYS_socketpair, {AF_UNIX, SOCK_DGRAM}) == "socketpair AF_UNIX, SOCK_DGRAM");
  CHECK(text(SYS_socket, {45, SOCK_DGRAM, 7}) == "socket 45, SOCK_DGRAM, 7");
}

TEST_CASE("strings of a denied call are told, on one line, if they can be read") {
  const std::map<std::uint64_t, std::string> strings = {
      {1, "tmpfs"}, {2, "/mnt"}, {3, "/usr"}, {4, "a\nb\x1b[31m"}};
  CHECK(text(SYS_mount, {1, 2, 1, MS_RDONLY}, strings) == "mount tmpfs on /mnt, MS_RDONLY");
  CHECK(text(SYS_mount, {3, 2, 0, MS_BIND | MS_REC}, strings) ==
        "mount /usr on /mnt, MS_BIND|MS_REC");
  CHECK(text(SYS_mount, {3, 2, 0, 0xc0ed0000 | MS_BIND}, strings) == "mount /usr on /mnt, MS_BIND");
  CHECK(text(SYS_mount, {77, 78, 79, MS_RDONLY}) == "mount MS_RDONLY");
  CHECK(text(SYS_umount2, {2, MNT_DETACH}, strings) == "umount2 /mnt, MNT_DETACH");
  CHECK(text(SYS_pivot_root, {2, 3}, strings) == "pivot_root /mnt, /usr");
  CHECK(text(SYS_chroot, {2}, strings) == "chroot /mnt");
  CHECK(text(SYS_fsopen, {1}, strings) == "fsopen tmpfs");
  CHECK(text(SYS_move_mount, {5, 3, 6, 2}, strings) == "move_mount /usr on /mnt");
  CHECK(text(SYS_swapon, {3}, strings) == "swapon /usr");
  CHECK(text(SYS_quotactl, {static_cast<std::uint32_t>(QCMD(Q_QUOTAON, USRQUOTA)), 3}, strings) ==
        "quotactl Q_QUOTAON, /usr");
  const std::string hostile = text(SYS_chroot, {4}, strings);
  CHECK(hostile.find('\n') == std::string::npos);
  CHECK(hostile.find('\x1b') == std::string::npos);
}

TEST_CASE("making a device is told as the capability that it takes") {
  const auto device = static_cast<std::uint64_t>(makedev(8, 1));
  const Finding block = denied_call(call(SYS_mknod, {0, S_IFBLK | 0600, device}), std::nullopt);
  CHECK(block.kind == ViolationKind::kCapability);
  CHECK(block.rule == BrokenRule::kCapabilities);
  CHECK(block.target == "CAP_MKNOD block device 8:1");
  CHECK(block.error == EPERM);
  const Finding at =
      denied_call(call(SYS_mknodat, {0, 0, S_IFCHR | 0600, makedev(1, 3)}), std::nullopt);
  CHECK(at.target == "CAP_MKNOD character device 1:3");
  const Finding set_id = denied_call(call(SYS_mknod, {0, S_IFREG | 04755}), std::nullopt);
  CHECK(set_id.kind == ViolationKind::kSyscall);
  CHECK(set_id.target == "mode 0104755");
  // A profile's rule against mknod is a rule, not a capability.
  CHECK(denied_call(call(SYS_mknod, {0, S_IFBLK, 0}), 3).rule == BrokenRule::kProfileCalls);
}

TEST_CASE("a call of another architecture is told by its own number") {
  const seccomp_data i386 = call(20, {}, AUDIT_ARCH_I386);
  CHECK(is_foreign(i386));
  const Finding finding = denied_call(i386, std::nullopt);
  CHECK(finding.operation == "foreign_call");
  CHECK(finding.target == "i386 call 20");
  CHECK(finding.rule == BrokenRule::kForeignCalls);
  CHECK(finding.error == ENOSYS);
  CHECK(denied_call(call(0x40000000 | 39, {}), std::nullopt).target == "x32 call 39");
  CHECK_FALSE(is_foreign(call(SYS_read, {})));
  CHECK_FALSE(is_foreign(call(-1, {})));
}

TEST_CASE("words know which capability a call would need") {
  CHECK(std::string(capability_for("mount")) == "CAP_SYS_ADMIN");
  CHECK(std::string(capability_for("clock_settime")) == "CAP_SYS_TIME");
  CHECK(capability_for("read") == nullptr);
}
