#include "sandbox/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "base/text.h"
#include "sandbox/beneath.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxCountedPath = 64 * 1024;
constexpr int kAttempts = 5;

struct CloseDirectory {
  void operator()(DIR* stream) const { (void)closedir(stream); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// Opens `name` for listing, giving its owner the permissions for that and for removing.
Directory open_for_removal(int parent, const std::string& name) {
  if (auto handle = beneath::open(parent, name, O_PATH | O_DIRECTORY)) {
    struct ::stat info {};
    if (fstat(handle->get(), &info) == 0 && (info.st_mode & 0700U) != 0700U) {
      (void)chmod(("/proc/self/fd/" + std::to_string(handle->get())).c_str(), 0700);
    }
  }
  auto opened = beneath::open(parent, name, O_RDONLY | O_DIRECTORY);
  return Directory(opened ? fdopendir(opened->release()) : nullptr);
}

// Removes one tree without recursion: a directory that is not empty is first moved to the top, so
// that no depth needs a descriptor or a long path.
class Removal {
 public:
  Removal(int parent, const std::string& name) : parent_(parent), name_(name) {}

  Status run() {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (unlinkat(parent_, name_.c_str(), 0) == 0 || errno == ENOENT) return {};
      Directory top = open_for_removal(parent_, name_);
      if (top) {
        top_ = dirfd(top.get());
        empty(top.get());
        while (!pending_.empty()) {
          const std::string next = std::move(pending_.back());
          pending_.pop_back();
          if (Directory directory = open_for_removal(top_, next)) empty(directory.get());
          (void)unlinkat(top_, next.c_str(), AT_REMOVEDIR);
        }
      }
      if (unlinkat(parent_, name_.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
      failure_ = errno;
    }
    return fail(system_error("unlinkat " + text::one_line(name_), failure_));
  }

 private:
  void empty(DIR* directory) {
    const int fd = dirfd(directory);
    while (const dirent* item = readdir(directory)) {
      const std::string name = item->d_name;
      if (name == "." || name == "..") continue;
      if (item->d_type != DT_DIR && unlinkat(fd, name.c_str(), 0) == 0) continue;
      if (unlinkat(fd, name.c_str(), AT_REMOVEDIR) == 0) continue;
      if (errno != ENOTEMPTY && errno != EEXIST) continue;
      if (fd == top_)
        pending_.push_back(name);
      else
        move_to_top(fd, name);
    }
  }

  void move_to_top(int fd, const std::string& name) {
    // Moving a directory changes its "..", which needs its owner's write permission.
    (void)open_for_removal(fd, name);
    for (int attempt = 0; attempt < 100; ++attempt) {
      const std::string flat = ".mayfly-removing-" + std::to_string(++counter_);
      if (renameat(fd, name.c_str(), top_, flat.c_str()) == 0) {
        pending_.push_back(flat);
        return;
      }
      if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) return;
    }
  }

  int parent_;
  const std::string& name_;
  int top_ = -1;
  int failure_ = 0;
  std::uint64_t counter_ = 0;
  std::vector<std::string> pending_;
};

}  // namespace

Status remove_tree(int parent, const std::string& name) { return Removal(parent, name).run(); }

std::uint64_t disk_usage(int parent, const std::string& name) {
  std::uint64_t blocks = 0;
  std::vector<std::string> pending = {name};
  while (!pending.empty()) {
    const std::string path = std::move(pending.back());
    pending.pop_back();
    if (path.size() > kMaxCountedPath) continue;
    auto opened = beneath::open(parent, path, O_RDONLY | O_DIRECTORY);
    const Directory directory(opened ? fdopendir(opened->release()) : nullptr);
    if (!directory) continue;
    while (const dirent* item = readdir(directory.get())) {
      const std::string entry = item->d_name;
      if (entry == "." || entry == "..") continue;
      struct ::stat info {};
      if (fstatat(dirfd(directory.get()), entry.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      blocks += static_cast<std::uint64_t>(info.st_blocks);
      if (S_ISDIR(info.st_mode)) pending.push_back(path + "/" + entry);
    }
  }
  return blocks * 512;
}

}  // namespace mayfly::sandbox
