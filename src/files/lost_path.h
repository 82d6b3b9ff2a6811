#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "files/target.h"

namespace mayfly::files {

// A target's area, open.
struct Area {
  OwnedFd directory;
  std::string path;
};

// openat2(2) below `area`, which no "..", link or magic link leads out of. The area "/" is the root
// that the process has: there absolute links and ".." are what they are for everybody. A rename
// that races with ".." makes the kernel answer EAGAIN; that is tried again a bounded number of
// times.
Result<OwnedFd> open_below(const Area& area, const std::string& path, std::uint64_t flags);

// The same, also through links that name a place below the area by an absolute path, which the
// kernel takes for ways out: what such a link says is put in the place of what led to it, and all
// of it is looked up below the area again, a bounded number of times. `path` is afterwards what was
// looked up last.
Result<OwnedFd> open_through_links(const Area& area, std::string& path, std::uint64_t flags);

// What an absolute `path` is called below the area, if its words say that it is there.
std::optional<std::string> name_below(const Area& area, const std::string& path);

// Why `path` (relative to the area, the target's or one that its links led to) could not be opened,
// to which the kernel said `number`: names the first component that cannot be followed, where a
// link leads, and the nearest name where there is none.
Error explain_lost(const Area& area, const Target& target, const std::string& path, int number);

}  // namespace mayfly::files
