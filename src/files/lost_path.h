#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "files/target.h"

namespace mayfly::files {

// openat2(2) below `area`, which no "..", link or magic link leads out of. A rename that races with
// ".." makes the kernel answer EAGAIN; that is tried again a bounded number of times.
Result<OwnedFd> open_below(int area, const std::string& path, std::uint64_t flags);

// Why `path` (relative to `area`, the target's or one that its links led to) could not be opened,
// to which the kernel said `number`: names the first component that cannot be followed, where a
// link leads, and the nearest name where there is none.
Error explain_lost(int area, const Target& target, const std::string& path, int number);

}  // namespace mayfly::files
