#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace mayfly::sandbox {

// Both work on trees of any depth and content that nobody vouches for: neither follows a link,
// leaves the tree, or uses more than a few descriptors.

// Removes `name` in `parent` with everything below. Directories that deny it to their owner are
// opened up first (Go's module cache is read-only). What vanishes meanwhile is fine.
Status remove_tree(int parent, const std::string& name);

// The disk space of `name` in `parent` and everything below, as du counts it. What lies deeper than
// a path of 64 KiB is not counted.
std::uint64_t disk_usage(int parent, const std::string& name);

}  // namespace mayfly::sandbox
