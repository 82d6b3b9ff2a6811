#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.h"

namespace mayfly::sandbox {

// Finds everything below a directory that git takes for a repository: each entry named ".git" (in
// any case, of any type) and each directory that looks like a git directory by itself (HEAD beside
// objects and refs, or beside commondir), as bare repositories, submodules and worktrees do.
//
// The first refresh() reads every directory. While inotify watches are to be had, later ones only
// read what changed meanwhile: the kernel queues an event before the system call that caused it
// returns, whichever mount namespace it came from, so once the writers are dead nothing is missing.
// An overflowing queue, a lack of watches or a gap means a full walk the next time.
//
// Costs one watch (about 1 KiB of kernel memory) a directory. Not thread-safe.
class RepositoryScan {
 public:
  enum class Watching : std::uint8_t { kIfPossible, kNever };
  struct Limits {
    std::size_t directories = 1'000'000;
    std::chrono::milliseconds time{10'000};
    Watching watching = Watching::kIfPossible;
  };
  // What a refresh did not look at, and why.
  struct Gap {
    std::string path;
    std::string why;
  };

  // `directory` stays the caller's and open.
  RepositoryScan(int directory, Limits limits) : directory_(directory), limits_(limits) {}

  // No gaps: everything was looked at.
  std::vector<Gap> refresh();

  // Relative to the directory; "" when it is a bare repository itself.
  const std::set<std::string>& found() const { return found_; }

  std::size_t directories_read() const { return directories_read_; }  // by the last refresh
  bool watching() const { return inotify_.valid(); }

 private:
  struct Event {
    int watch;
    bool directory;
    std::string name;
  };

  void walk_all();
  void walk(const std::string& from);
  void read_directory(const std::string& path, std::vector<std::string>& pending);
  OwnedFd open_directory(const std::string& path);
  void watch(int fd, const std::string& path);
  void note_if_bare(int fd, const std::string& path);
  // False when the queue overflowed.
  bool read_events(std::vector<Event>& events);
  void apply(const std::vector<Event>& events);
  void forget_missing();

  int directory_;
  Limits limits_;
  OwnedFd inotify_;
  bool complete_ = false;  // every directory was read, and is watched if inotify_ is valid
  std::unordered_map<int, std::string> watched_;  // watch descriptor → path
  std::set<std::string> found_;
  std::set<std::string> read_;  // by this refresh
  std::vector<Gap> gaps_;
  std::size_t directories_read_ = 0;
  std::chrono::steady_clock::time_point deadline_{};
};

// Whether `path` ends in a component that some file system takes for ".git".
bool is_dot_git(const std::string& path);

}  // namespace mayfly::sandbox
