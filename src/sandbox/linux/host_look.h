#pragma once

#include <string>

#include "sandbox/path_help.h"

namespace mayfly::sandbox {

// Looks what the host has at a path that a program chose, so that a receipt can say whether the
// sandbox kept it from something. It must tell nobody anything, touch nothing and never wait:
//
//  - It looks only where anybody on the machine may look (each directory has o+x), and in the home
//    of the sandbox's user. What starts with a dot in a home, and what private_places.h calls
//    private, is not looked at, and neither is /proc, /sys and /dev.
//  - Links are followed by hand, at most 40, each step by the same rules.
//  - A mount is entered only if its file system is a local one by name in mountinfo: network file
//    systems and FUSE may answer when they please, and automounts mount something.
//  - Nothing is opened but as a place (O_PATH).
//  - Paths with control characters or "..", and paths of more than 990 bytes, which may have been
//    cut, are not looked at.
//
// Whatever it does not look at is kUnknown. `home` is absolute, or empty.
HostPlace look_on_host(const std::string& path, const std::string& home);

}  // namespace mayfly::sandbox
