#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <string>

#include "base/fd.h"
#include "base/result.h"

// Looking at and repairing files of a directory whose content is hostile. Nothing here follows a
// symbolic link, leaves the directory, or waits on a FIFO or a device.
namespace mayfly::sandbox::beneath {

// Opens `path` (relative; "" is `directory` itself) without following any link and without leaving
// `directory`. Never blocks. Longer than PATH_MAX is fine.
Result<OwnedFd> open(int directory, const std::string& path, int flags);

// Where the parts of "a/b/c" are: "a/b" and "c".
std::string parent_of(const std::string& path);
std::string name_of(const std::string& path);
std::string join(const std::string& directory, const std::string& name);

// "a/./b" and "a/b/../c" made plain by text alone; nothing if it climbs out or is absolute.
Result<std::string> normal(const std::string& path);

// What is at a name, and who it was, as far as stat can tell.
struct Entry {
  enum class Kind : std::uint8_t { kAbsent, kFile, kDirectory, kLink, kOther };
  Kind kind = Kind::kAbsent;
  struct ::stat info {};
  // A file's content if it is at most `content_limit` bytes and readable; a link's target.
  std::string content;
  bool content_known = false;

  bool exists() const { return kind != Kind::kAbsent; }
  // The same object, not written to since: the kernel sets ctime, programs cannot.
  bool untouched_since(const Entry& earlier) const;
  bool same_object(const Entry& other) const;
  // The same kind with the same content, whoever wrote it.
  bool equal_content(const Entry& other) const;
};

// What is remembered of each file is held in memory, and a command can make many of them.
inline constexpr std::size_t kContentLimit = 256 << 10;

// Looks at `name` in `parent` (which may be O_PATH). With `earlier`, the content of an untouched
// file is taken from there instead of being read again.
Entry look(int parent, const std::string& name, const Entry* earlier = nullptr);

// Everything below a directory that is small. `complete` is false when it was too much to keep.
struct Tree {
  std::map<std::string, Entry> entries;  // by path relative to the directory
  bool complete = true;
};
Tree look_below(int directory, const Tree* earlier = nullptr);

// Renames `name` to the first free "NAME.mayfly-blocked-N" beside it, which it returns. Makes the
// parent writable for that moment if its owner (us) took the permission away.
Result<std::string> move_aside(int parent, const std::string& name);

// Puts a file with `earlier`'s content, mode and owner in the place of whatever is at `name`, in
// one step, and moves that aside. Returns the new name of what was there, empty if nothing was.
Result<std::string> restore(int parent, const std::string& name, const Entry& earlier);

}  // namespace mayfly::sandbox::beneath
