#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// The capabilities that a profile may let programs keep (capabilities.danger_keep). They are ones
// over the sandbox's innermost user namespace alone, which owns no other namespace and maps one
// user and one group. So most of the 41 (capabilities(7)) rule nothing there: whoever asks for one
// has misunderstood something, and is told. Of those that do rule something, these may be kept:
//
//   CAP_KILL        signals to every process of that namespace, which are the call's own
//   CAP_SYS_CHROOT  chroot(2), if danger_allow lets it through. Mounts, Landlock and the root of
//   the
//                   mount namespace stay: who gets out of such a root is in the sandbox's
//   CAP_SYS_PTRACE  tracing processes of that namespace that are no descendants, where Yama forbids
//                   it. Init and its helpers are in the namespace above and cannot be traced
//
// And these may not, since they could undo what a sandbox is:
//
//   CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER  pass modes of files of the sandbox's own
//   user,
//                   with which paths are denied
//   CAP_CHOWN, CAP_FSETID, CAP_SETFCAP  leave set-id bits or capabilities on files of a workspace
//   CAP_SETUID, CAP_SETGID, CAP_SETPCAP  change who the program is and what it may get back
//   CAP_SYS_ADMIN   would mount
namespace mayfly::sandbox {

// E1001 for a name that is none, with the nearest, and for one that may not be kept, with why.
Status check_capability(std::string_view name);

// Those of `names` as bits by the kernel's number, all of them checked.
Result<std::uint64_t> capability_bits(const std::vector<std::string>& names);
std::vector<std::string> capability_names(std::uint64_t bits);

}  // namespace mayfly::sandbox
