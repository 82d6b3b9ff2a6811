#include "sandbox/linux/argument_names.h"

#include <linux/bpf.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/quota.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <time.h>

#include <cstdio>

namespace mayfly::sandbox {
namespace {

// clang-format off
#define N(name) {static_cast<std::uint64_t>(name), #name}
constexpr ArgumentName kNamespaces[] = {
    N(CLONE_NEWUSER), N(CLONE_NEWNS), N(CLONE_NEWPID), N(CLONE_NEWNET), N(CLONE_NEWIPC),
    N(CLONE_NEWUTS), N(CLONE_NEWCGROUP), N(CLONE_NEWTIME), N(CLONE_FILES), N(CLONE_FS),
    N(CLONE_SYSVSEM), N(CLONE_THREAD), N(CLONE_SIGHAND), N(CLONE_VM)};
constexpr ArgumentName kMountFlags[] = {
    N(MS_BIND), N(MS_REC), N(MS_REMOUNT), N(MS_MOVE), N(MS_SHARED), N(MS_SLAVE), N(MS_PRIVATE),
    N(MS_UNBINDABLE), N(MS_RDONLY), N(MS_NOSUID), N(MS_NODEV), N(MS_NOEXEC), N(MS_SYNCHRONOUS),
    N(MS_MANDLOCK), N(MS_DIRSYNC), N(MS_NOATIME), N(MS_NODIRATIME), N(MS_RELATIME),
    N(MS_STRICTATIME), N(MS_LAZYTIME), N(MS_SILENT), N(MS_POSIXACL)};
constexpr ArgumentName kUnmountFlags[] = {
    N(MNT_FORCE), N(MNT_DETACH), N(MNT_EXPIRE), N(UMOUNT_NOFOLLOW)};
constexpr ArgumentName kFamilies[] = {
    N(AF_UNIX), N(AF_INET), N(AF_INET6), N(AF_NETLINK), N(AF_PACKET), N(AF_KEY), N(AF_VSOCK),
    N(AF_ALG), N(AF_BLUETOOTH), N(AF_CAN), N(AF_TIPC), N(AF_XDP), N(AF_RDS), N(AF_KCM),
    N(AF_QIPCRTR), N(AF_NFC), N(AF_PPPOX), N(AF_LLC), N(AF_SMC), N(AF_IB), N(AF_AX25), N(AF_IPX),
    N(AF_APPLETALK), N(AF_NETROM), N(AF_X25), N(AF_ROSE), N(AF_RXRPC), N(AF_PHONET),
    N(AF_IEEE802154), N(AF_CAIF), N(AF_MPLS), N(AF_ISDN)};
constexpr ArgumentName kSocketTypes[] = {
    N(SOCK_STREAM), N(SOCK_DGRAM), N(SOCK_RAW), N(SOCK_RDM), N(SOCK_SEQPACKET), N(SOCK_DCCP),
    N(SOCK_PACKET)};
constexpr ArgumentName kNetlink[] = {
    N(NETLINK_ROUTE), N(NETLINK_USERSOCK), N(NETLINK_SOCK_DIAG), N(NETLINK_NFLOG),
    N(NETLINK_XFRM), N(NETLINK_SELINUX), N(NETLINK_ISCSI), N(NETLINK_AUDIT),
    N(NETLINK_FIB_LOOKUP), N(NETLINK_CONNECTOR), N(NETLINK_NETFILTER), N(NETLINK_KOBJECT_UEVENT),
    N(NETLINK_GENERIC), N(NETLINK_RDMA), N(NETLINK_CRYPTO)};
constexpr ArgumentName kProtocols[] = {
    N(IPPROTO_ICMP), N(IPPROTO_IGMP), N(IPPROTO_TCP), N(IPPROTO_UDP), N(IPPROTO_DCCP),
    N(IPPROTO_GRE), N(IPPROTO_ESP), N(IPPROTO_AH), N(IPPROTO_ICMPV6), N(IPPROTO_SCTP),
    N(IPPROTO_UDPLITE), N(IPPROTO_RAW), {262, "IPPROTO_MPTCP"}};
constexpr ArgumentName kPtrace[] = {
    N(PTRACE_TRACEME), N(PTRACE_PEEKTEXT), N(PTRACE_PEEKDATA), N(PTRACE_PEEKUSER),
    N(PTRACE_POKETEXT), N(PTRACE_POKEDATA), N(PTRACE_POKEUSER), N(PTRACE_CONT), N(PTRACE_KILL),
    N(PTRACE_SINGLESTEP), N(PTRACE_GETREGS), N(PTRACE_SETREGS), N(PTRACE_ATTACH),
    N(PTRACE_DETACH), N(PTRACE_SYSCALL), N(PTRACE_SETOPTIONS), N(PTRACE_GETEVENTMSG),
    N(PTRACE_GETSIGINFO), N(PTRACE_SETSIGINFO), N(PTRACE_GETREGSET), N(PTRACE_SETREGSET),
    N(PTRACE_SEIZE), N(PTRACE_INTERRUPT), N(PTRACE_LISTEN), N(PTRACE_PEEKSIGINFO),
    N(PTRACE_SECCOMP_GET_FILTER), {0x420e, "PTRACE_GET_SYSCALL_INFO"}};
constexpr ArgumentName kBpf[] = {
    N(BPF_MAP_CREATE), N(BPF_MAP_LOOKUP_ELEM), N(BPF_MAP_UPDATE_ELEM), N(BPF_MAP_DELETE_ELEM),
    N(BPF_MAP_GET_NEXT_KEY), N(BPF_PROG_LOAD), N(BPF_OBJ_PIN), N(BPF_OBJ_GET),
    N(BPF_PROG_ATTACH), N(BPF_PROG_DETACH), N(BPF_PROG_TEST_RUN), N(BPF_PROG_GET_NEXT_ID),
    N(BPF_MAP_GET_NEXT_ID), N(BPF_PROG_GET_FD_BY_ID), N(BPF_MAP_GET_FD_BY_ID),
    N(BPF_OBJ_GET_INFO_BY_FD), N(BPF_PROG_QUERY), N(BPF_RAW_TRACEPOINT_OPEN), N(BPF_BTF_LOAD),
    N(BPF_BTF_GET_FD_BY_ID), N(BPF_TASK_FD_QUERY), N(BPF_MAP_FREEZE), N(BPF_LINK_CREATE)};
constexpr ArgumentName kKeyctl[] = {
    N(KEYCTL_GET_KEYRING_ID), N(KEYCTL_JOIN_SESSION_KEYRING), N(KEYCTL_UPDATE), N(KEYCTL_REVOKE),
    N(KEYCTL_CHOWN), N(KEYCTL_SETPERM), N(KEYCTL_DESCRIBE), N(KEYCTL_CLEAR), N(KEYCTL_LINK),
    N(KEYCTL_UNLINK), N(KEYCTL_SEARCH), N(KEYCTL_READ), N(KEYCTL_INSTANTIATE), N(KEYCTL_NEGATE),
    N(KEYCTL_SET_REQKEY_KEYRING), N(KEYCTL_SET_TIMEOUT), N(KEYCTL_ASSUME_AUTHORITY),
    N(KEYCTL_GET_SECURITY), N(KEYCTL_SESSION_TO_PARENT), N(KEYCTL_INVALIDATE),
    N(KEYCTL_GET_PERSISTENT)};
constexpr ArgumentName kPrctl[] = {
    N(PR_SET_PDEATHSIG), N(PR_GET_PDEATHSIG), N(PR_GET_DUMPABLE), N(PR_SET_DUMPABLE),
    N(PR_GET_KEEPCAPS), N(PR_SET_KEEPCAPS), N(PR_SET_NAME), N(PR_GET_NAME), N(PR_GET_SECCOMP),
    N(PR_SET_SECCOMP), N(PR_CAPBSET_READ), N(PR_CAPBSET_DROP), N(PR_GET_TSC), N(PR_SET_TSC),
    N(PR_GET_SECUREBITS), N(PR_SET_SECUREBITS), N(PR_SET_TIMERSLACK), N(PR_GET_TIMERSLACK),
    N(PR_MCE_KILL), N(PR_MCE_KILL_GET), N(PR_SET_MM), N(PR_SET_CHILD_SUBREAPER),
    N(PR_GET_CHILD_SUBREAPER), N(PR_SET_NO_NEW_PRIVS), N(PR_GET_NO_NEW_PRIVS),
    N(PR_GET_TID_ADDRESS), N(PR_SET_THP_DISABLE), N(PR_GET_THP_DISABLE), N(PR_CAP_AMBIENT),
    N(PR_GET_SPECULATION_CTRL), N(PR_SET_SPECULATION_CTRL), N(PR_SET_PTRACER),
    {0x53564d41, "PR_SET_VMA"}, {59, "PR_SET_SYSCALL_USER_DISPATCH"}};
constexpr ArgumentName kPersonalities[] = {
    N(PER_LINUX32), N(PER_BSD), N(ADDR_NO_RANDOMIZE), N(READ_IMPLIES_EXEC),
    N(ADDR_COMPAT_LAYOUT), N(MMAP_PAGE_ZERO), N(ADDR_LIMIT_32BIT), N(ADDR_LIMIT_3GB),
    N(SHORT_INODE), N(WHOLE_SECONDS), N(STICKY_TIMEOUTS), N(UNAME26), N(FDPIC_FUNCPTRS)};
constexpr ArgumentName kIoctl[] = {
    N(TIOCSTI), N(TIOCLINUX), N(TIOCSETD), N(TIOCCONS), N(TIOCSCTTY), N(TIOCNOTTY),
    N(FS_IOC_SETFLAGS), N(FS_IOC_FSSETXATTR), N(FICLONE), N(FICLONERANGE), N(FIDEDUPERANGE),
    N(FIFREEZE), N(FITHAW), N(FITRIM)};
constexpr ArgumentName kQuota[] = {
    N(Q_SYNC), N(Q_QUOTAON), N(Q_QUOTAOFF), N(Q_GETFMT), N(Q_GETINFO), N(Q_SETINFO),
    N(Q_GETQUOTA), N(Q_SETQUOTA)};
constexpr ArgumentName kReboot[] = {
    N(LINUX_REBOOT_CMD_RESTART), N(LINUX_REBOOT_CMD_HALT), N(LINUX_REBOOT_CMD_CAD_ON),
    N(LINUX_REBOOT_CMD_CAD_OFF), N(LINUX_REBOOT_CMD_POWER_OFF), N(LINUX_REBOOT_CMD_RESTART2),
    N(LINUX_REBOOT_CMD_SW_SUSPEND), N(LINUX_REBOOT_CMD_KEXEC)};
constexpr ArgumentName kClocks[] = {
    N(CLOCK_REALTIME), N(CLOCK_MONOTONIC), N(CLOCK_BOOTTIME), N(CLOCK_TAI)};
constexpr ArgumentName kSeccomp[] = {
    N(SECCOMP_FILTER_FLAG_TSYNC), N(SECCOMP_FILTER_FLAG_LOG), N(SECCOMP_FILTER_FLAG_SPEC_ALLOW),
    N(SECCOMP_FILTER_FLAG_NEW_LISTENER), N(SECCOMP_FILTER_FLAG_TSYNC_ESRCH)};
constexpr ArgumentName kRename[] = {
    N(RENAME_NOREPLACE), N(RENAME_EXCHANGE), N(RENAME_WHITEOUT)};
#undef N
// clang-format on

std::string number(const char* format, unsigned long long value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

ArgumentNames namespace_flags() { return kNamespaces; }
ArgumentNames mount_flags() { return kMountFlags; }
ArgumentNames unmount_flags() { return kUnmountFlags; }
ArgumentNames socket_families() { return kFamilies; }
ArgumentNames socket_types() { return kSocketTypes; }
ArgumentNames netlink_families() { return kNetlink; }
ArgumentNames internet_protocols() { return kProtocols; }
ArgumentNames ptrace_requests() { return kPtrace; }
ArgumentNames bpf_commands() { return kBpf; }
ArgumentNames keyctl_operations() { return kKeyctl; }
ArgumentNames prctl_options() { return kPrctl; }
ArgumentNames personalities() { return kPersonalities; }
ArgumentNames ioctl_requests() { return kIoctl; }
ArgumentNames quota_commands() { return kQuota; }
ArgumentNames reboot_commands() { return kReboot; }
ArgumentNames clocks() { return kClocks; }
ArgumentNames seccomp_flags() { return kSeccomp; }
ArgumentNames rename_flags() { return kRename; }

std::string flags_text(ArgumentNames names, std::uint64_t flags) {
  std::string text;
  for (const ArgumentName& named : names) {
    if (named.value == 0 || (flags & named.value) != named.value) continue;
    if (!text.empty()) text += "|";
    text += named.name;
    flags &= ~named.value;
  }
  if (flags == 0) return text;
  return text + (text.empty() ? "" : "|") + number("%#llx", flags);
}

std::string value_text(ArgumentNames names, std::uint64_t value) {
  for (const ArgumentName& named : names) {
    if (named.value == value) return named.name;
  }
  return number(value > 0xffff ? "%#llx" : "%llu", value);
}

}  // namespace mayfly::sandbox
