#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace mayfly::sandbox {

// The kernel's names of values that arguments of denied system calls have.
struct ArgumentName {
  std::uint64_t value;
  const char* name;
};
using ArgumentNames = std::span<const ArgumentName>;

ArgumentNames namespace_flags();  // of unshare(2), clone(2), setns(2)
ArgumentNames mount_flags();
ArgumentNames unmount_flags();
ArgumentNames socket_families();
ArgumentNames socket_types();
ArgumentNames netlink_families();
ArgumentNames internet_protocols();
ArgumentNames ptrace_requests();
ArgumentNames bpf_commands();
ArgumentNames keyctl_operations();
ArgumentNames prctl_options();
ArgumentNames personalities();
ArgumentNames ioctl_requests();
ArgumentNames quota_commands();
ArgumentNames reboot_commands();
ArgumentNames clocks();
ArgumentNames seccomp_flags();
ArgumentNames rename_flags();

// "MS_RDONLY|MS_NOSUID|0x400": what has no name comes last. Empty for no flags.
std::string flags_text(ArgumentNames names, std::uint64_t flags);
// Its name, or "37".
std::string value_text(ArgumentNames names, std::uint64_t value);

}  // namespace mayfly::sandbox
