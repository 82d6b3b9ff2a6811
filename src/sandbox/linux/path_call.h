#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>

#include "sandbox/linux/program_memory.h"
#include "sandbox/linux/program_path.h"

namespace mayfly::sandbox {

// What a system call about paths wants, whatever its name and the order of its arguments.
enum class Wish : std::uint8_t {
  kOpen,    // flags
  kMake,    // a name that is not there yet: mkdir, mknod, symlink, and the new name of link
  kRemove,  // flags: AT_REMOVEDIR
  kRename,  // to `other`; flags: of renameat2(2)
  kLink,    // to `other`, flags: AT_SYMLINK_FOLLOW, AT_EMPTY_PATH
  kCut,     // truncate(2)
  kChange,  // mode, times, extended attributes
  kExecute,
  kEnter,
};

struct PathCall {
  Wish wish = Wish::kOpen;
  GivenPath path;
  GivenPath other;
  LastLink last = LastLink::kFollow;
  bool directory = false;   // kMake: mkdir, whose name may end in slashes
  bool descriptor = false;  // about the descriptor path.directory itself
  std::uint32_t flags = 0;
};

// Room for what a PathCall points to.
struct PathBuffers {
  PathBuffer path;
  PathBuffer other;
};

// Nothing for a call that has no path, or that the kernel refuses whatever its path leads to: flags
// that there are not, an address that is none, an empty path, times that are none.
std::optional<PathCall> understand(const seccomp_data& call, const ProgramMemory& memory,
                                   PathBuffers& buffers);

}  // namespace mayfly::sandbox
