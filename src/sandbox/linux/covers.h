#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {

// What covers are made of, in the zygote's small root.
inline constexpr const char* kBlanks = "/blank";
Status make_blanks();

// The files and directories that covers are made of, by their numbers: what a program finds under a
// name that is covered.
struct Blanks {
  std::uint64_t device = 0;            // st_dev of all of them; 0: there are none
  std::uint64_t hidden_directory = 0;  // st_ino
  std::uint64_t hidden_file = 0;
  std::uint64_t denied_directory = 0;
  std::uint64_t denied_file = 0;
};
// Only where make_blanks() made them: before the tree becomes the root.
Result<Blanks> find_blanks();

// Puts an empty file or directory, or one that nobody can open, over `path` in the tree. A link is
// followed inside the tree, unless to a directory that holds it. Directories above it that a
// sandbox may write to become mount points, also if `path` itself is absent, which is no error.
Status cover(const std::string& path, CoverKind kind);

// Covers a directory with a file system in memory of its own, in which mount points can be made
// until it is sealed. `make`: as mount_point() has it; an absent directory is an error otherwise.
Status cover_with_room(const std::string& path, std::uint64_t bytes, bool make);
Status seal(const std::string& path);

// Looks through the tree for what matches op.text and covers it. E3002 if that takes too long.
Status cover_matches(const CallOp& op);

}  // namespace mayfly::sandbox
