#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/background_thread.h"
#include "base/fd.h"
#include "base/result.h"

namespace mayfly::settings {

// Waits in a thread of its own until one of some files changes, appears or goes away, also by a
// change of a link or a directory on the way to it. Uses no CPU meanwhile: the kernel tells
// (inotify(7)). It may tell too often, and for what lies on a network file system not at all, so
// who needs to be sure looks at the files' marks.
class FileWatch {
 public:
  enum class Why { kChanged, kAsked };
  // Called in the thread, first of all once with kChanged. Returns the files to watch from then on.
  using Look = std::function<std::vector<std::string>(Why)>;

  // `ask_fd`: an eventfd(2) that somebody writes to in order to have `look` called with kAsked; not
  // owned, and read here. -1: none. Nothing is watched if the kernel has no room for it: then
  // `no_room` is called, once, and only asking works.
  static Result<std::unique_ptr<FileWatch>> start(int ask_fd, Look look,
                                                  std::function<void(const Error&)> no_room);
  ~FileWatch();  // waits for a `look` that is under way

 private:
  FileWatch(OwnedFd stop, int ask_fd, Look look, std::function<void(const Error&)> no_room);
  void run();

  const OwnedFd stop_;
  const int ask_fd_;
  const Look look_;
  std::function<void(const Error&)> no_room_;
  BackgroundThread thread_;  // last: nothing of the above may go while it runs
};

}  // namespace mayfly::settings
