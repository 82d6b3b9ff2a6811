#include "sandbox/repository_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "sandbox/beneath.h"

namespace mayfly::sandbox {
namespace {

constexpr std::uint32_t kEvents = IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK;

// The layout that getdents64(2) fills in; glibc 2.36 declares none.
struct RawEntry {
  ino64_t inode;
  off64_t offset;
  unsigned short length;
  unsigned char type;
  char name[1];
};
constexpr std::size_t kNameOffset = offsetof(RawEntry, name);

bool is_git_name(const char* name) { return strcasecmp(name, ".git") == 0; }

// What a bare repository or a worktree's directory is recognised by.
bool is_landmark(const char* name) {
  return strcasecmp(name, "HEAD") == 0 || strcasecmp(name, "objects") == 0 ||
         strcasecmp(name, "refs") == 0 || strcasecmp(name, "commondir") == 0;
}

bool has(int fd, const char* name) { return faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

std::string through_proc(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace

bool is_dot_git(const std::string& path) { return is_git_name(beneath::name_of(path).c_str()); }

std::vector<RepositoryScan::Gap> RepositoryScan::refresh() {
  gaps_.clear();
  read_.clear();
  directories_read_ = 0;
  deadline_ = std::chrono::steady_clock::now() + limits_.time;

  std::vector<Event> events;
  if (!complete_ || !inotify_.valid() || !read_events(events)) {
    walk_all();
  } else {
    apply(events);
    forget_missing();
  }
  complete_ = gaps_.empty();
  read_.clear();
  return gaps_;
}

void RepositoryScan::walk_all() {
  const bool first = !complete_ && watched_.empty();
  if (first && limits_.watching == Watching::kIfPossible) {
    inotify_.reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  }
  found_.clear();
  walk("");
}

void RepositoryScan::walk(const std::string& from) {
  std::vector<std::string> pending = {from};
  while (!pending.empty()) {
    const std::string path = std::move(pending.back());
    pending.pop_back();
    if (directories_read_ >= limits_.directories || std::chrono::steady_clock::now() >= deadline_) {
      gaps_.push_back({path, "the tree is too large to look through after each call"});
      return;
    }
    if (read_.insert(path).second) read_directory(path, pending);
  }
}

// A directory that its owner (us: a sandbox has no other uid) made unreadable becomes readable
// again: a shell could still enter it, and git in there would work. What belongs to somebody else
// and is closed to us was closed to the sandbox too.
OwnedFd RepositoryScan::open_directory(const std::string& path) {
  auto opened = beneath::open(directory_, path, O_RDONLY | O_DIRECTORY);
  if (!opened && opened.error().os_errno == EACCES) {
    auto handle = beneath::open(directory_, path, O_PATH | O_DIRECTORY);
    struct ::stat info {};
    if (!handle || fstat(handle->get(), &info) != 0 || info.st_uid != geteuid()) return OwnedFd();
    (void)chmod(through_proc(handle->get()).c_str(), (info.st_mode & 07777U) | 0500U);
    opened = beneath::open(directory_, path, O_RDONLY | O_DIRECTORY);
  }
  if (opened) return *std::move(opened);
  const int failure = opened.error().os_errno;
  // Gone, or no directory any more: nothing to find.
  if (failure != ENOENT && failure != ENOTDIR && failure != ELOOP) {
    gaps_.push_back({path, std::string("cannot be read: ") + strerror(failure)});
  }
  return OwnedFd();
}

void RepositoryScan::read_directory(const std::string& path, std::vector<std::string>& pending) {
  const OwnedFd directory = open_directory(path);
  if (!directory.valid()) return;
  ++directories_read_;
  // First the watch, then the reading: what is created in between is seen twice, never missed.
  watch(directory.get(), path);

  alignas(RawEntry) static thread_local std::array<char, 128 * 1024> buffer;
  bool landmark = false;
  while (true) {
    const long size = syscall(SYS_getdents64, directory.get(), buffer.data(), buffer.size());
    if (size < 0) gaps_.push_back({path, std::string("cannot be read: ") + strerror(errno)});
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      const char* raw = buffer.data() + at;
      unsigned short length = 0;
      unsigned char type = 0;
      std::memcpy(&length, raw + offsetof(RawEntry, length), sizeof length);
      std::memcpy(&type, raw + offsetof(RawEntry, type), sizeof type);
      const char* name = raw + kNameOffset;
      at += length;
      if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) continue;
      if (name[0] == '.' && is_git_name(name)) found_.insert(beneath::join(path, name));
      if (!landmark && strcasecmp(name, "HEAD") == 0) landmark = true;
      if (type == DT_UNKNOWN) {
        struct ::stat info {};
        const bool known = fstatat(directory.get(), name, &info, AT_SYMLINK_NOFOLLOW) == 0;
        type = known && S_ISDIR(info.st_mode) ? DT_DIR : DT_REG;
      }
      if (type == DT_DIR) pending.push_back(beneath::join(path, name));
    }
  }
  if (landmark) note_if_bare(directory.get(), path);
}

void RepositoryScan::note_if_bare(int fd, const std::string& path) {
  const bool head = has(fd, "HEAD");
  if (head && (has(fd, "commondir") || (has(fd, "objects") && has(fd, "refs")))) {
    found_.insert(path);
  }
}

void RepositoryScan::watch(int fd, const std::string& path) {
  if (!inotify_.valid()) return;
  // inotify has no call that takes a descriptor.
  const int number = inotify_add_watch(inotify_.get(), through_proc(fd).c_str(), kEvents);
  if (number >= 0) {
    watched_[number] = path;
  } else {
    inotify_.reset();
    watched_.clear();
    limits_.watching = Watching::kNever;
  }
}

bool RepositoryScan::read_events(std::vector<Event>& events) {
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  bool all = true;
  while (true) {
    const ssize_t size = read(inotify_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return all;
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        all = false;
      } else if ((event.mask & IN_IGNORED) != 0) {
        watched_.erase(event.wd);
      } else if (event.len > 0) {
        const bool directory = (event.mask & IN_ISDIR) != 0;
        if (directory || is_git_name(name) || is_landmark(name)) {
          events.push_back({event.wd, directory, name});
        }
      }
    }
  }
}

// In two passes: reading a directory that was moved corrects the paths of all that is below it, so
// the names are looked at when every path is right. An event whose directory moved on later finds
// nothing at the old path; the move itself is an event too, and what arrived is read completely.
void RepositoryScan::apply(const std::vector<Event>& events) {
  for (const Event& event : events) {
    const auto at = watched_.find(event.watch);
    if (event.directory && at != watched_.end()) walk(beneath::join(at->second, event.name));
  }
  std::set<std::string> looked_at;
  for (const Event& event : events) {
    const auto at = watched_.find(event.watch);
    if (at == watched_.end()) continue;
    const std::string& path = at->second;
    if (is_git_name(event.name.c_str())) found_.insert(beneath::join(path, event.name));
    if (!is_landmark(event.name.c_str()) || !looked_at.insert(path).second) continue;
    if (auto fd = beneath::open(directory_, path, O_PATH | O_DIRECTORY)) {
      note_if_bare(fd->get(), path);
    }
  }
}

void RepositoryScan::forget_missing() {
  for (auto it = found_.begin(); it != found_.end();) {
    bool there = false;
    if (auto parent = beneath::open(directory_, beneath::parent_of(*it), O_PATH | O_DIRECTORY)) {
      const std::string name = beneath::name_of(*it);
      there = name.empty() || has(parent->get(), name.c_str());
    }
    it = there ? std::next(it) : found_.erase(it);
  }
}

}  // namespace mayfly::sandbox
