#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/fd.h"
#include "sandbox/linux/asking_thread.h"

namespace mayfly::sandbox {

// A path as a thread gave it to a system call.
struct GivenPath {
  int directory = AT_FDCWD;  // where it starts, if it is relative
  std::string_view text;     // empty: the descriptor `directory` itself
};

enum class LastLink { kFollow, kKeep };

// Where a path leads.
struct Place {
  OwnedFd file;         // O_PATH; invalid: see `error`
  int error = 0;        // ENOENT, EACCES…; EOPNOTSUPP: somewhere that nobody should look
  OwnedFd directory;    // in which `name` was looked up last; of walk() and parent() alone
  std::string name;     // "" for what is no entry of a directory
  bool at_end = false;  // `name` is all that was left of the path
};

// Looks up paths of a thread as the kernel would for it, by its own working directory, descriptors
// and /proc/self, with the rights of this process, which are no more than the thread's. Its root is
// this process's own. Nothing is opened but path descriptors, so nothing is waited for and nothing
// changes; glance() duplicates the thread's own. A magic link (of /proc/PID) of any other process
// than the thread's own is not followed.
//
// Not thread-safe, as the thread itself is to stand still.
class ProgramPath {
 public:
  explicit ProgramPath(pid_t thread) : thread_(thread) {}

  // What `path` leads to, quickly: `directory` and `name` are not filled in.
  Place find(const GivenPath& path, LastLink last) const;
  // What stat(2) says of `path`, if that can be told from one look: it is a plain name, and no link
  // that would be followed. Most of what a program opens while it searches a tree is that. `held`
  // is for the same thread or another one, and saves the way through /proc.
  bool glance(const GivenPath& path, LastLink last, HeldThread& held, struct statx& info) const;
  // The directory that the last component of `path` is looked up in, quickly. `name` may have
  // slashes at its end, and is "." or ".." or "" for what cannot be made or removed.
  Place parent(const GivenPath& path) const;
  // The same as find(), step by step, and says where it ended. At most 4096 components and 16 KiB
  // of text, links' targets included: EOPNOTSUPP for more, so that no path holds init up.
  Place walk(const GivenPath& path, LastLink last) const;

  // The path in one piece: absolute, without empty parts and "." in it; links of its own are kept.
  // Empty if it cannot be told, or starts in a directory that was removed.
  std::string absolute(const GivenPath& path) const;

  pid_t thread() const { return thread_; }

 private:
  OwnedFd start(const GivenPath& path) const;
  OwnedFd own(int directory) const;
  std::string translated(std::string_view text) const;
  bool is_own_process(int directory) const;

  pid_t thread_;
};

// The absolute path of what is open, as this process sees it; empty if there is none.
std::string path_of(const OwnedFd& file);

}  // namespace mayfly::sandbox
