#include "sandbox/capabilities.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace mayfly::sandbox {
namespace {

// null: it may be kept.
constexpr const char* kMay = nullptr;
constexpr const char* kFiles = "it passes the modes of files, with which paths are denied";
constexpr const char* kMarks =
    "it could leave set-id bits or capabilities on files that the host sees";
constexpr const char* kWho = "it changes who a program is and what it may get back";
constexpr const char* kAdmin = "it could mount and unmount what the sandbox is made of";
constexpr const char* kNetwork =
    "the sandbox's network belongs to a namespace above the program's: it rules nothing there";
constexpr const char* kAbove =
    "the kernel asks for it in a namespace above the program's: it rules nothing there";

struct Capability {
  const char* name;
  const char* why_not;
};

// In the order of the kernel's numbers (linux/capability.h), which are part of its ABI.
constexpr Capability kCapabilities[] = {{"CAP_CHOWN", kMarks},
                                        {"CAP_DAC_OVERRIDE", kFiles},
                                        {"CAP_DAC_READ_SEARCH", kFiles},
                                        {"CAP_FOWNER", kFiles},
                                        {"CAP_FSETID", kMarks},
                                        {"CAP_KILL", kMay},
                                        {"CAP_SETGID", kWho},
                                        {"CAP_SETUID", kWho},
                                        {"CAP_SETPCAP", kWho},
                                        {"CAP_LINUX_IMMUTABLE", kAbove},
                                        {"CAP_NET_BIND_SERVICE", kNetwork},
                                        {"CAP_NET_BROADCAST", kNetwork},
                                        {"CAP_NET_ADMIN", kNetwork},
                                        {"CAP_NET_RAW", kNetwork},
                                        {"CAP_IPC_LOCK", kAbove},
                                        {"CAP_IPC_OWNER", kAbove},
                                        {"CAP_SYS_MODULE", kAbove},
                                        {"CAP_SYS_RAWIO", kAbove},
                                        {"CAP_SYS_CHROOT", kMay},
                                        {"CAP_SYS_PTRACE", kMay},
                                        {"CAP_SYS_PACCT", kAbove},
                                        {"CAP_SYS_ADMIN", kAdmin},
                                        {"CAP_SYS_BOOT", kAbove},
                                        {"CAP_SYS_NICE", kAbove},
                                        {"CAP_SYS_RESOURCE", kAbove},
                                        {"CAP_SYS_TIME", kAbove},
                                        {"CAP_SYS_TTY_CONFIG", kAbove},
                                        {"CAP_MKNOD", kAbove},
                                        {"CAP_LEASE", kAbove},
                                        {"CAP_AUDIT_WRITE", kAbove},
                                        {"CAP_AUDIT_CONTROL", kAbove},
                                        {"CAP_SETFCAP", kMarks},
                                        {"CAP_MAC_OVERRIDE", kAbove},
                                        {"CAP_MAC_ADMIN", kAbove},
                                        {"CAP_SYSLOG", kAbove},
                                        {"CAP_WAKE_ALARM", kAbove},
                                        {"CAP_BLOCK_SUSPEND", kAbove},
                                        {"CAP_AUDIT_READ", kAbove},
                                        {"CAP_PERFMON", kAbove},
                                        {"CAP_BPF", kAbove},
                                        {"CAP_CHECKPOINT_RESTORE", kAbove}};

Error refuse(std::string_view name, const std::string& message, const std::string& remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, "capabilities.danger_keep",
                     text::one_line(name), message, remedy);
}

std::vector<std::string> names_that(bool (*wanted)(const Capability&)) {
  std::vector<std::string> names;
  for (const Capability& each : kCapabilities) {
    if (wanted(each)) names.emplace_back(each.name);
  }
  return names;
}

}  // namespace

Status check_capability(std::string_view name) {
  const auto found = std::find_if(std::begin(kCapabilities), std::end(kCapabilities),
                                  [name](const Capability& each) { return each.name == name; });
  if (found == std::end(kCapabilities)) {
    const std::string near =
        text::nearest(name, names_that([](const Capability&) { return true; }));
    return fail(refuse(
        name, "there is no such capability",
        near.empty() ? "capabilities(7) lists the names" : "Did you mean \"" + near + "\"?"));
  }
  if (found->why_not == kMay) return {};
  const auto may = names_that([](const Capability& each) { return each.why_not == kMay; });
  return fail(refuse(name, std::string("it cannot be kept: ") + found->why_not,
                     "Take it out. What can be kept is " + text::join(may, ", ")));
}

Result<std::uint64_t> capability_bits(const std::vector<std::string>& names) {
  std::uint64_t bits = 0;
  for (const std::string& name : names) {
    TRY(check_capability(name));
    for (std::size_t i = 0; i < std::size(kCapabilities); ++i) {
      if (kCapabilities[i].name == name) bits |= 1ULL << i;
    }
  }
  return bits;
}

std::vector<std::string> capability_names(std::uint64_t bits) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::size(kCapabilities); ++i) {
    if ((bits >> i & 1) != 0) names.emplace_back(kCapabilities[i].name);
  }
  return names;
}

}  // namespace mayfly::sandbox
