#include "sandbox/linux/syscall_text.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "sandbox/linux/argument_names.h"
#include "sandbox/linux/thread_text.h"

namespace mayfly::sandbox {
namespace {

constexpr std::uint64_t kX32 = 0x40000000;
constexpr std::uint64_t kLow = 0xffffffff;
constexpr std::size_t kMostText = 1000;  // of one string

enum class How { kFlags, kValue, kNumber, kHex, kText };

// One argument of a call, and what stands between it and those before.
struct Part {
  unsigned argument;
  How how;
  ArgumentNames names = {};
  const char* between = ", ";
};

struct Row {
  long number;
  std::vector<Part> parts;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {SYS_unshare, {{0, How::kFlags, namespace_flags()}}},
      {SYS_setns, {{1, How::kFlags, namespace_flags()}}},
      {SYS_umount2, {{0, How::kText}, {1, How::kFlags, unmount_flags()}}},
      {SYS_pivot_root, {{0, How::kText}, {1, How::kText}}},
      {SYS_chroot, {{0, How::kText}}},
      {SYS_acct, {{0, How::kText}}},
      {SYS_swapon, {{0, How::kText}}},
      {SYS_swapoff, {{0, How::kText}}},
      {SYS_fsopen, {{0, How::kText}}},
      {SYS_fspick, {{1, How::kText}}},
      {SYS_open_tree, {{1, How::kText}}},
      {SYS_move_mount, {{1, How::kText}, {3, How::kText, {}, " on "}}},
      {SYS_name_to_handle_at, {{1, How::kText}}},
      {SYS_ptrace, {{0, How::kValue, ptrace_requests()}}},
      {SYS_bpf, {{0, How::kValue, bpf_commands()}}},
      {SYS_keyctl, {{0, How::kValue, keyctl_operations()}}},
      {SYS_add_key, {{0, How::kText}, {1, How::kText}}},
      {SYS_request_key, {{0, How::kText}, {1, How::kText}}},
      {SYS_prctl, {{0, How::kValue, prctl_options()}}},
      {SYS_personality, {{0, How::kFlags, personalities()}}},
      {SYS_ioctl, {{1, How::kValue, ioctl_requests()}}},
      {SYS_reboot, {{2, How::kValue, reboot_commands()}}},
      {SYS_clock_settime, {{0, How::kValue, clocks()}}},
      {SYS_seccomp, {{1, How::kFlags, seccomp_flags()}}},
      {SYS_renameat2, {{4, How::kFlags, rename_flags()}}},
      {SYS_userfaultfd, {{0, How::kHex}}},
      {SYS_fanotify_init, {{0, How::kHex}}},
      {SYS_delete_module, {{0, How::kText}}},
      {SYS_syslog, {{0, How::kNumber}}},
      {SYS_kill, {{1, How::kNumber, {}, "signal "}}},
#ifdef SYS_iopl
      {SYS_iopl, {{0, How::kNumber}}},
      {SYS_ioperm, {{0, How::kHex}, {1, How::kNumber}}},
#endif
  };
  return all;
}

std::string number(const char* format, unsigned long long value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string text_of(const Part& part, const seccomp_data& data, const TextAt& text_at) {
  const std::uint64_t value = data.args[part.argument];
  switch (part.how) {
    case How::kFlags:
      return flags_text(part.names, value & kLow);
    case How::kValue:
      return value_text(part.names, value & kLow);
    case How::kNumber:
      return std::to_string(value & kLow);
    case How::kHex:
      return number("%#llx", value & kLow);
    case How::kText:
      break;
  }
  return text_at ? text::one_line(text_at(value).value_or("")) : std::string();
}

void add(std::string& text, const char* between, const std::string& more) {
  if (more.empty()) return;
  if (!text.empty()) text += between;
  text += more;
}

std::string mode_text(std::uint64_t bits) { return "mode " + number("0%llo", bits & 0xffff); }

std::string socket_text(const seccomp_data& data) {
  constexpr std::uint64_t kTypeBits = 0xf;
  const std::uint64_t family = data.args[0] & kLow;
  std::string text = value_text(socket_families(), family) + ", " +
                     value_text(socket_types(), data.args[1] & kTypeBits);
  const std::uint64_t protocol = data.args[2] & kLow;
  const bool internet = family == AF_INET || family == AF_INET6;
  if (family == AF_NETLINK) {
    add(text, ", ", value_text(netlink_families(), protocol));
  } else if (protocol != 0) {
    add(text, ", ", value_text(internet ? internet_protocols() : ArgumentNames(), protocol));
  }
  return text;
}

// "tmpfs on /mnt", "/usr on /mnt, MS_BIND".
std::string mount_text(const seccomp_data& data, const TextAt& text_at) {
  const auto string = [&](unsigned argument) {
    return text_of({argument, How::kText}, data, text_at);
  };
  std::string text = string(2);
  if (text.empty()) text = string(0);
  add(text, " on ", string(1));
  // The upper half used to be a magic number (mount(2)).
  const std::uint64_t flags = data.args[3] & kLow;
  const bool magic = (flags & 0xffff0000) == 0xc0ed0000;
  add(text, ", ", flags_text(mount_flags(), magic ? flags & 0xffff : flags));
  return text;
}

bool is_device(std::uint64_t mode) { return S_ISCHR(mode) || S_ISBLK(mode); }

std::string node_text(std::uint64_t mode, std::uint64_t device) {
  if (!is_device(mode)) return mode_text(mode);
  const auto dev = static_cast<dev_t>(device & kLow);
  return (S_ISBLK(mode) ? "block device " : "character device ") + std::to_string(major(dev)) +
         ":" + std::to_string(minor(dev));
}

std::string arguments(const seccomp_data& data, const TextAt& text_at) {
  switch (data.nr) {
    case SYS_clone:
      // The lowest byte is a signal; threads and the like are allowed.
      return flags_text(
          namespace_flags(),
          data.args[0] & (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                          CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET));
    case SYS_socket:
    case SYS_socketpair:
      return socket_text(data);
    case SYS_mount:
      return mount_text(data, text_at);
    case SYS_quotactl: {
      std::string text = value_text(quota_commands(), (data.args[0] & kLow) >> 8);
      add(text, ", ", text_of({1, How::kText}, data, text_at));
      return text;
    }
#ifdef SYS_chmod
    case SYS_mknod:
      return node_text(data.args[1], data.args[2]);
    case SYS_chmod:
    case SYS_creat:
#endif
    case SYS_fchmod:
      return mode_text(data.args[1]);
    case SYS_mknodat:
      return node_text(data.args[2], data.args[3]);
#ifdef SYS_open
    case SYS_open:
#endif
    case SYS_fchmodat:
      return mode_text(data.args[2]);
    case SYS_openat:
      return mode_text(data.args[3]);
    default:
      break;
  }
  std::string text;
  for (const Row& row : rows()) {
    if (row.number != data.nr) continue;
    for (const Part& part : row.parts) add(text, part.between, text_of(part, data, text_at));
  }
  return text;
}

std::string foreign_text(const seccomp_data& data) {
  if (data.arch == seccomp_arch_native()) {
    return "x32 call " + std::to_string(static_cast<std::uint32_t>(data.nr) & ~kX32);
  }
  const std::string name = data.arch == AUDIT_ARCH_I386  ? "i386"
                           : data.arch == AUDIT_ARCH_ARM ? "arm"
                                                         : number("%#llx", data.arch);
  return name + " call " + std::to_string(data.nr);
}

// Making a device is denied whoever asks for it; what is missing is the capability.
bool makes_device(const seccomp_data& data) {
#ifdef SYS_mknod
  if (data.nr == SYS_mknod) return is_device(data.args[1]);
#endif
  return data.nr == SYS_mknodat && is_device(data.args[2]);
}

struct Needed {
  const char* capability;
  std::vector<std::string_view> calls;
};

}  // namespace

bool is_foreign(const seccomp_data& data) {
  if (data.arch != seccomp_arch_native()) return true;
  // -1 is what a tracer leaves behind to skip a call, and is no call of x32's.
  return data.arch == AUDIT_ARCH_X86_64 && data.nr != -1 &&
         (static_cast<std::uint32_t>(data.nr) & kX32) != 0;
}

CallText describe_call(const seccomp_data& data, const TextAt& text_at) {
  if (is_foreign(data)) return {"foreign_call", foreign_text(data)};
  char* name = seccomp_syscall_resolve_num_arch(data.arch, data.nr);
  CallText text{name != nullptr ? name : "system call " + std::to_string(data.nr),
                arguments(data, text_at)};
  std::free(name);
  return text;
}

Finding denied_call(const seccomp_data& data, std::optional<std::uint16_t> rule,
                    const TextAt& text_at) {
  CallText text = describe_call(data, text_at);
  Finding finding;
  finding.rule = rule.has_value() ? BrokenRule::kProfileCalls : BrokenRule::kSystemCalls;
  finding.number = rule.value_or(0);
  finding.operation = std::move(text.operation);
  finding.target = std::move(text.target);
  finding.error = EPERM;
  if (is_foreign(data)) {
    finding.rule = BrokenRule::kForeignCalls;
    finding.error = ENOSYS;
  } else if (!rule.has_value() && makes_device(data)) {
    finding.kind = ViolationKind::kCapability;
    finding.rule = BrokenRule::kCapabilities;
    finding.target = "CAP_MKNOD " + finding.target;
  }
  return finding;
}

Finding denied_request(const Listener& listener, const seccomp_notif& request,
                       std::optional<std::uint16_t> rule) {
  Finding finding = denied_call(request.data, rule, [&request](std::uint64_t address) {
    return text_of_thread(static_cast<pid_t>(request.pid), address, kMostText);
  });
  // Its number may be another's: then the strings were nobody's.
  return listener.still_asked(request.id) ? finding : denied_call(request.data, rule);
}

const char* capability_for(std::string_view operation) {
  static const std::vector<Needed> all = {
      {"CAP_SYS_ADMIN", {"mount",   "umount2",  "pivot_root",  "fsopen",        "fspick",
                         "fsmount", "fsconfig", "move_mount",  "open_tree",     "mount_setattr",
                         "setns",   "unshare",  "sethostname", "setdomainname", "swapon",
                         "swapoff", "quotactl", "quotactl_fd", "fanotify_init", "lookup_dcookie"}},
      {"CAP_SYS_CHROOT", {"chroot"}},
      {"CAP_SYS_TIME", {"settimeofday", "clock_settime", "stime"}},
      {"CAP_SYS_MODULE", {"init_module", "finit_module", "delete_module", "create_module"}},
      {"CAP_SYS_BOOT", {"reboot", "kexec_load", "kexec_file_load"}},
      {"CAP_SYS_RAWIO", {"iopl", "ioperm"}},
      {"CAP_SYS_PACCT", {"acct"}},
      {"CAP_SYS_TTY_CONFIG", {"vhangup"}},
      {"CAP_SYSLOG", {"syslog"}},
      {"CAP_BPF", {"bpf"}},
      {"CAP_PERFMON", {"perf_event_open"}},
      {"CAP_DAC_READ_SEARCH", {"open_by_handle_at"}},
  };
  for (const Needed& needed : all) {
    for (const std::string_view call : needed.calls) {
      if (call == operation) return needed.capability;
    }
  }
  return nullptr;
}

}  // namespace mayfly::sandbox
