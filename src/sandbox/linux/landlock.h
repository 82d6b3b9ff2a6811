#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// Landlock (landlock(7)): what a process may do with files, networks and other processes, decided
// by the kernel for it and all that it starts, whatever is mounted where. Under the mount layer of
// Tier::kFull it is the second lock on the same door; in Tier::kLandlock it is the door.
//
// Rules only ever allow, and a rule on a directory holds for everything below it, also for what is
// mounted there. So a read-only mount inside a writable directory is the mount layer's alone.

// What a rule allows.
enum class Reach : std::uint8_t {
  kRead,    // read, list, execute
  kWrite,   // that, and change whatever is not a device node
  kDevice,  // read, write and control devices
};

struct LandlockRule {
  std::string path;
  Reach reach = Reach::kRead;

  bool operator==(const LandlockRule&) const = default;
};

// What a ruleset of ours denies unless a rule allows it. Laid out as the kernel's struct
// landlock_ruleset_attr was in ABI 6.
struct LandlockAttr {
  std::uint64_t fs = 0;
  std::uint64_t net = 0;
  std::uint64_t scoped = 0;

  bool operator==(const LandlockAttr&) const = default;
};

// Before ABI 2 every move between two directories is refused, which no build or git survives.
inline constexpr int kLeastLandlockAbi = 2;
// Before ABI 6 a program could signal every process of its user's.
inline constexpr int kLeastAbiAlone = 6;

// What a kernel of that ABI can deny and the tier wants denied. The network is denied only where no
// network namespace does that. Nothing for an ABI below kLeastLandlockAbi.
LandlockAttr landlock_attr(int abi, Tier tier);
// What `reach` allows at a directory (or at a file) for a kernel of that ABI.
std::uint64_t landlock_access(Reach reach, bool directory, int abi);
// Flags for landlock_restrict_self.
std::uint32_t landlock_restrict_flags(int abi);

// The ABI that this kernel answers with; 0 if it has no Landlock, or a container forbids it.
int probe_landlock();

// Ready to be enforced: landlock_restrict_self(fd, flags) after no_new_privs.
struct Ruleset {
  OwnedFd fd;  // invalid where the kernel has no Landlock that is of use
  int abi = 0;
  std::uint32_t flags = 0;
};

// Makes the ruleset with the paths as this process sees them. A path that is not there, or that
// leads through a symbolic link, is an error: the rule would be for something else. Only where host
// paths are shown as they are, in Tier::kLandlock, one that may merely be read is left out then.
Result<Ruleset> make_ruleset(const std::vector<LandlockRule>& rules, Tier tier);

// landlock_add_rule(2) and nothing else, for a process that may only make system calls.
long add_landlock_rule(int ruleset, int path, std::uint64_t access);

const char* to_string(Reach reach);

}  // namespace mayfly::sandbox
