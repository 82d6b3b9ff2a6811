#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

// What file tools do, as functions on descriptors: reading, writing, editing, listing. They run
// inside a sandbox and know neither sandboxes nor MCP. Every byte that they look at is hostile.
namespace mayfly::files {

// A path as a caller named it. `area` is absolute and decides what is reached: wherever ".." and
// symbolic links lead, it stays below (openat2(2), RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS; for "/"
// RESOLVE_IN_ROOT). A link whose text is a path below the area is followed there.
struct Target {
  std::string area;
  std::string path;   // relative to `area`; may be empty: the area itself
  std::string shown;  // how answers and errors call it

  bool operator==(const Target&) const = default;
};

// What is at a target, links followed: a regular file or a directory, open for reading. It is
// looked at with O_PATH first, so that a FIFO or a device is not opened at all; those are E5001.
// E5002 if nothing is there, E2001 if it leads out of the area (the message says where to) or the
// kernel does not let it be read, each with what to do instead. A file that is another each time
// that it is looked at is E5001 as well.
Result<OwnedFd> open_target(const Target& target);

// Where something is or will be: its directory (O_PATH) and its name there, which is no link and
// has no '/'. A link as the last component is followed, so that what it leads to is replaced, not
// the link; what it leads to need not be there. The directories that Parents::kCreate makes stay if
// nothing is written after that.
struct Spot {
  OwnedFd directory;
  std::string name;
  bool exists = false;
  std::string shown;  // of the target, for messages
};
enum class Parents { kMustExist, kCreate };
Result<Spot> find_spot(const Target& target, Parents parents);

// The name that a descriptor has now, for messages (proc(5), /proc/self/fd).
std::string path_of(int fd);

}  // namespace mayfly::files
