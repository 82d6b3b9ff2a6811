#include "sandbox/linux/landlock.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

// From linux/landlock.h of Linux 7.3 under names of our own: the headers of Debian 12 end at ABI 2.
enum Fs : std::uint64_t {
  kExecute = 1U << 0,
  kWriteFile = 1U << 1,
  kReadFile = 1U << 2,
  kReadDir = 1U << 3,
  kRemoveDir = 1U << 4,
  kRemoveFile = 1U << 5,
  kMakeChar = 1U << 6,
  kMakeDir = 1U << 7,
  kMakeReg = 1U << 8,
  kMakeSock = 1U << 9,
  kMakeFifo = 1U << 10,
  kMakeBlock = 1U << 11,
  kMakeSym = 1U << 12,
  kRefer = 1U << 13,        // ABI 2, Linux 5.19
  kTruncate = 1U << 14,     // ABI 3, Linux 6.2
  kIoctlDev = 1U << 15,     // ABI 5, Linux 6.10
  kResolveUnix = 1U << 16,  // ABI 9, Linux 7.1
};
enum Net : std::uint64_t {
  kBindTcp = 1U << 0,     // ABI 4, Linux 6.7
  kConnectTcp = 1U << 1,  // ABI 4
  kBindUdp = 1U << 2,     // ABI 10, Linux 7.2
  kSendUdp = 1U << 3,     // ABI 10
};
enum Scope : std::uint64_t {
  kAbstractUnix = 1U << 0,  // ABI 6, Linux 6.12
  kSignal = 1U << 1,        // ABI 6
};
// ABI 7, Linux 6.15. Later flags have no use here: ABI 8 is for processes with threads, ABI 11 for
// those that have not set no_new_privs; ABI 10 also has rules that are quiet, as all of ours are.
constexpr std::uint32_t kLogSameExecOff = 1U << 0;
constexpr std::uint32_t kLogSubdomainsOff = 1U << 2;

constexpr unsigned kCreateVersion = 1U << 0;
constexpr int kRulePathBeneath = 1;
struct __attribute__((packed)) PathBeneath {
  std::uint64_t allowed;
  std::int32_t parent;
};

constexpr std::uint64_t kOfAbi1 = (std::uint64_t{kMakeSym} << 1) - 1;
constexpr std::uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;
constexpr std::uint64_t kReading = kExecute | kReadFile | kReadDir;
constexpr std::uint64_t kChanging = kWriteFile | kTruncate | kRemoveDir | kRemoveFile | kMakeDir |
                                    kMakeReg | kMakeSock | kMakeFifo | kMakeSym | kRefer;
constexpr std::uint64_t kControlling = kReadFile | kReadDir | kWriteFile | kTruncate | kIoctlDev;

std::uint64_t handled_fs(int abi) {
  std::uint64_t handled = kOfAbi1;
  if (abi >= 2) handled |= kRefer;
  if (abi >= 3) handled |= kTruncate;
  if (abi >= 5) handled |= kIoctlDev;
  // Never allowed by a rule: what is left are sockets that were made under the same ruleset. Init
  // stands outside of it, so what init connects for the program is not concerned.
  if (abi >= 9) handled |= kResolveUnix;
  return handled;
}

std::uint64_t handled_net(int abi) {
  std::uint64_t handled = 0;
  if (abi >= 4) handled |= kBindTcp | kConnectTcp;
  if (abi >= 10) handled |= kBindUdp | kSendUdp;
  return handled;
}

Status add_rule(int ruleset, const LandlockRule& rule, int abi) {
  const OwnedFd path =
      TRY(sys::openat2(AT_FDCWD, rule.path, O_PATH, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
  const bool directory = S_ISDIR(TRY(sys::fstat(path.get())).st_mode);
  if (add_landlock_rule(ruleset, path.get(), landlock_access(rule.reach, directory, abi)) < 0) {
    return fail(system_error("landlock_add_rule " + rule.path, errno));
  }
  return {};
}

}  // namespace

LandlockAttr landlock_attr(int abi, Tier tier) {
  if (abi < kLeastLandlockAbi) return {};
  LandlockAttr attr;
  attr.fs = handled_fs(abi);
  if (tier == Tier::kLandlock) attr.net = handled_net(abi);
  if (abi >= 6) attr.scoped = kAbstractUnix | kSignal;
  return attr;
}

std::uint64_t landlock_access(Reach reach, bool directory, int abi) {
  std::uint64_t access = kReading;
  if (reach == Reach::kWrite) access |= kChanging;
  if (reach == Reach::kDevice) access = kControlling;
  if (!directory) access &= kOfFiles;
  return access & handled_fs(abi);
}

// A program can make a domain of its own that logs, and flood the host's audit log with denials.
std::uint32_t landlock_restrict_flags(int abi) {
  return abi >= 7 ? kLogSameExecOff | kLogSubdomainsOff : 0;
}

int probe_landlock() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kCreateVersion);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

Result<Ruleset> make_ruleset(const std::vector<LandlockRule>& rules, Tier tier) {
  Ruleset ruleset;
  const int abi = probe_landlock();
  if (abi < kLeastLandlockAbi) return ruleset;
  const LandlockAttr attr = landlock_attr(abi, tier);
  ruleset.abi = abi;
  ruleset.flags = landlock_restrict_flags(abi);
  ruleset.fd.reset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0)));
  if (!ruleset.fd.valid()) return fail(system_error("landlock_create_ruleset", errno));
  for (const LandlockRule& rule : rules) {
    auto added = add_rule(ruleset.fd.get(), rule, abi);
    if (!added && (tier == Tier::kFull || rule.reach != Reach::kRead)) {
      return fail(std::move(added).error());
    }
  }
  return ruleset;
}

long add_landlock_rule(int ruleset, int path, std::uint64_t access) {
  const PathBeneath beneath{access, path};
  return ::syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &beneath, 0);
}

const char* to_string(Reach reach) {
  constexpr const char* kNames[] = {"read", "write", "devices"};
  return kNames[static_cast<std::size_t>(reach)];
}

}  // namespace mayfly::sandbox
