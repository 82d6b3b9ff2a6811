#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace mayfly::settings {

// What a path was when it was looked at, to see whether it changed since. A path that is not there
// has a mark too.
struct FileMark {
  std::string path;
  bool there = false;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  bool operator==(const FileMark&) const = default;
};
FileMark mark_of(const std::string& path);  // follows links

struct TrustedText {
  std::string text;
  std::string real_path;  // without links
  FileMark mark;          // of the file that was read
};

// A file of the operator's: a regular one, owned by this user or root and, like every directory
// above it, writable by nobody else; at most 1 MiB. Links are followed if they are as trusted.
// E1001 names the path and what to do; `os_errno` is ENOENT if there is none. Blocks on nothing
// (FIFOs are refused).
Result<TrustedText> read_trusted(const std::string& path);

}  // namespace mayfly::settings
