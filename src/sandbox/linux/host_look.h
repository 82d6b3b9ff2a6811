#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "sandbox/path_help.h"

namespace mayfly::sandbox {

// What all looks of one call may cost the thread that looks, which serves other calls as well. A
// program chooses what is looked at, and can lay links about that make it long.
struct LookBudget {
  std::size_t steps = 4096;                        // components of paths, links' targets included
  std::chrono::nanoseconds processor{20'000'000};  // of the looking thread
  std::chrono::nanoseconds clock{100'000'000};     // a disk may be slow
  bool is_spent() const { return steps == 0 || processor.count() <= 0 || clock.count() <= 0; }
};

// Looks what the host has at paths that a program chose, so that a receipt can say whether the
// sandbox kept it from something. It must tell nobody anything, touch nothing and never wait:
//
//  - It looks only where anybody on the machine may look (each directory has o+x), and in the home
//    of the sandbox's user. What starts with a dot in a home, and what private_places.h calls
//    private, is not looked at, and neither is /proc, /sys and /dev.
//  - Links are followed by hand, at most 8, each step by the same rules.
//  - A mount is entered only if its file system is a local one by name in mountinfo: network file
//    systems and FUSE may answer when they please, and automounts mount something.
//  - Nothing is opened but as a place (O_PATH).
//  - Paths with control characters or "..", and paths of more than 990 bytes, which may have been
//    cut, are not looked at. A look takes at most 256 components, links' targets included.
//  - Once the budget is spent, nothing is looked at any more.
//
// Whatever it does not look at is kUnknown, and so is not counted as missed.
//
// For the length of one report, since it remembers what it saw. Not thread-safe.
class HostLooks {
 public:
  // Keeps both by reference. `home` is absolute, or empty. What a look costs is taken off `budget`.
  HostLooks(const std::string& home, LookBudget& budget) : home_(home), budget_(budget) {}
  HostPlace look(const std::string& path);

 private:
  friend class HostWalk;
  // What is mounted at `path`, the last one if there are several: "ext4". Empty if nothing is.
  std::string mounted_at(const std::string& path);

  const std::string& home_;
  LookBudget& budget_;
  std::map<std::string, HostPlace> seen_;
  std::optional<std::map<std::string, std::string>> mounts_;  // types by their places
};

}  // namespace mayfly::sandbox
