#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

// Paths in the tree that becomes a sandbox's root (kTree), seen from outside of it. What the tree
// shows of the host may be hostile and change meanwhile: kTree is the root for every link, and
// nothing is looked up twice.
namespace mayfly::sandbox {

enum class Links { kFollow, kRefuse };

Result<OwnedFd> open_in_tree(const std::string& path, Links links);
// The absolute path inside, without links, of what was opened in the tree. Needs /proc in the tree.
Result<std::string> path_in_tree(int fd);

// Where to mount something. `make`: what is missing is made, which is for what the tree itself
// has and for file systems in memory; otherwise a link on the way is an error too. E3002 with a
// remedy.
Result<OwnedFd> mount_point(const std::string& path, bool directory, bool make);

// Mounts a copy of what is behind `fd`, and everything below it, on top of it.
enum class Change { kNothing, kReadOnly };
Status mount_onto_itself(int fd, Change change);

// Opens `path`, which must not lead over a link, and makes every directory above it that a sandbox
// may write to a mount point: those cannot be renamed, so that the path means the same in the next
// call. kWhole does the same with the path itself. What is not below `from` is left as it is.
enum class Pin { kParents, kWhole };
Result<OwnedFd> open_pinned(const std::string& path, Pin pin, const std::string& from = "/");

}  // namespace mayfly::sandbox
