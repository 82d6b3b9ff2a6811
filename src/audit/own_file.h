#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"

// Files that nobody but the operator and root can have put there or can change.
namespace mayfly::audit {

// A directory that was opened, and a name in it.
struct Place {
  OwnedFd directory;
  std::string name;
  std::string path;  // absolute, of the directory without links
};

// E1001 for a relative path, and for a directory that others may write, or above which one is: they
// could put another file in place of ours. A sticky directory, such as /tmp, is none of these.
enum class Missing {
  kFail,
  kMake,     // makes the file's own directory, with mode 0700, but none directly below "/"
  kMakeAll,  // those above it too, with mode 0755: others may have to pass
};
Result<Place> open_place(const std::string& path, Missing missing);

// Opens `name` of the place; never waits, never follows a link. E1001 for what is no regular file,
// has another name too, belongs to somebody else, or may be written by others (`others` 022) or
// read by them too (077). `os_errno` ENOENT if it is not there and `flags` have no O_CREAT.
Result<OwnedFd> open_own(const Place& place, const std::string& name, int flags, mode_t others);

}  // namespace mayfly::audit
