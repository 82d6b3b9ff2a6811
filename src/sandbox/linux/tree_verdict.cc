#include "sandbox/linux/tree_verdict.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sandbox/linux/program_path.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

constexpr const char* kRead = "read";
constexpr const char* kWrite = "write";
constexpr const char* kCreate = "create";
constexpr const char* kRemove = "remove";
constexpr const char* kRename = "rename";
constexpr const char* kChange = "change";
constexpr const char* kExecute = "execute";
constexpr const char* kEnter = "enter";

bool is_read_only(const OwnedFd& file) {
  struct statfs info {};
  return ::fstatfs(file.get(), &info) == 0 && (info.f_flags & ST_RDONLY) != 0;
}

bool is_procfs(const OwnedFd& file) {
  struct statfs info {};
  return ::fstatfs(file.get(), &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

mode_t type_of(const OwnedFd& file) {
  struct stat info {};
  return ::fstat(file.get(), &info) == 0 ? info.st_mode & S_IFMT : 0;
}

// What the kernel says to an open for writing of a regular file of a read-only mount: it cannot
// succeed, and so it changes nothing.
int error_of_writing(const OwnedFd& file, std::uint32_t flags) {
  if ((flags & O_TRUNC) != 0) return EROFS;  // before anything else is looked at
  char link[40];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file.get());
  const int access = static_cast<int>(flags & O_ACCMODE);
  const OwnedFd opened(::open(link, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  return opened.valid() ? 0 : errno;
}

bool is_entry(std::string_view name) {
  const std::string_view plain = name.substr(0, name.find('/'));
  return !plain.empty() && plain != "." && plain != "..";
}

// A descriptor that was opened with O_PATH is good for less.
bool is_handle(pid_t thread, int descriptor) {
  char name[64];
  std::snprintf(name, sizeof name, "/proc/%d/fdinfo/%d", thread, descriptor);
  const OwnedFd info(::open(name, O_RDONLY | O_CLOEXEC));
  char text[512] = {};
  if (!info.valid() || ::read(info.get(), text, sizeof text - 1) <= 0) return true;
  const std::string_view all(text);
  const std::size_t at = all.find("flags:");
  unsigned flags = 0;
  if (at == std::string_view::npos || std::sscanf(text + at, "flags: %o", &flags) != 1) return true;
  return (flags & O_PATH) != 0;
}

enum class Cover { kNone, kHidden, kDenied };

class TreeLook {
 public:
  TreeLook(const PathSurroundings& around, pid_t thread, HeldThread& held)
      : around_(around), paths_(thread), held_(held) {}

  CallVerdict at(const PathCall& call) const;

 private:
  CallVerdict open(const PathCall& call) const;
  CallVerdict open_found(const PathCall& call, const OwnedFd& file) const;
  CallVerdict make(const GivenPath& path, const PathCall& call) const;
  CallVerdict make_behind_link(const GivenPath& path) const;
  CallVerdict read_only_entry(const OwnedFd& directory, const GivenPath& path) const;
  CallVerdict remove(const PathCall& call) const;
  CallVerdict rename(const PathCall& call) const;
  CallVerdict busy(const Place& where, const GivenPath& path, const char* operation) const;
  CallVerdict change(const PathCall& call) const;
  CallVerdict use(const PathCall& call, const char* operation, mode_t type) const;

  // What comes of not finding the path.
  CallVerdict not_found(int error, const GivenPath& path, LastLink last,
                        const char* operation) const;
  CallVerdict missing(const GivenPath& path, LastLink last, const char* operation) const;
  CallVerdict blocked(const GivenPath& path, LastLink last, const char* operation) const;

  CallVerdict denied(int error, BrokenRule rule, const GivenPath& path,
                     const char* operation) const;
  CallVerdict read_only(const OwnedFd& file, const GivenPath& path, const char* operation) const {
    return denied(EROFS, rule_at(file), path, operation);
  }
  // The program goes on with it, whether or not it finds what it wants.
  CallVerdict hidden(int error, const GivenPath& path, const char* operation) const;
  Cover cover_of(const OwnedFd& file) const;
  Cover cover_of(std::uint64_t device, std::uint64_t inode) const;
  BrokenRule rule_at(const OwnedFd& file) const;
  // Why `file`, which is mounted, stays where it is, if there is a reason to tell.
  std::optional<BrokenRule> kept_by(const OwnedFd& file) const;

  const PathSurroundings& around_;
  const ProgramPath paths_;
  HeldThread& held_;
};

CallVerdict TreeLook::at(const PathCall& call) const {
  switch (call.wish) {
    case Wish::kOpen:
      return open(call);
    case Wish::kMake:
      return make(call.path, call);
    case Wish::kRemove:
      return remove(call);
    case Wish::kRename:
      return rename(call);
    case Wish::kLink: {
      const Place old = paths_.find(call.path, call.last);
      return old.file.valid() ? make(call.other, call) : CallVerdict{};
    }
    case Wish::kCut:
    case Wish::kChange:
      return change(call);
    case Wish::kExecute:
      return use(call, kExecute, S_IFREG);
    case Wish::kEnter:
      return use(call, kEnter, S_IFDIR);
  }
  return {};
}

CallVerdict TreeLook::open(const PathCall& call) const {
  if ((call.flags & O_PATH) != 0) return {};
  const bool creates = (call.flags & O_CREAT) != 0;
  const bool writes = (call.flags & (O_ACCMODE | O_TRUNC)) != 0;
  if (creates && (call.flags & O_DIRECTORY) != 0) return {};
  struct statx info {};
  if (!creates && !writes && paths_.glance(call.path, call.last, held_, info) &&
      cover_of(makedev(info.stx_dev_major, info.stx_dev_minor), info.stx_ino) == Cover::kNone) {
    return {};
  }
  const Place place = paths_.find(call.path, call.last);
  if (place.file.valid()) return open_found(call, place.file);
  if (place.error == ENOENT && creates) return make(call.path, call);
  const char* operation = creates ? kCreate : writes ? kWrite : kRead;
  return not_found(place.error, call.path, call.last, operation);
}

CallVerdict TreeLook::open_found(const PathCall& call, const OwnedFd& file) const {
  const bool unnamed = (call.flags & O_TMPFILE) == O_TMPFILE;
  const bool writes = (call.flags & (O_ACCMODE | O_TRUNC)) != 0;
  if ((call.flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) && !unnamed) return {};
  if (!writes) {
    const Cover cover = cover_of(file);
    if (cover == Cover::kNone) return {};
    if ((call.flags & O_DIRECTORY) != 0 && type_of(file) != S_IFDIR) return {};
    return cover == Cover::kDenied ? denied(EACCES, BrokenRule::kDenied, call.path, kRead)
                                   : hidden(0, call.path, kRead);
  }
  if (!is_read_only(file)) return {};
  const mode_t type = type_of(file);
  if (unnamed) return type == S_IFDIR ? read_only(file, call.path, kCreate) : CallVerdict{};
  // Devices, pipes and sockets may be written wherever they are.
  if (type != S_IFREG || (call.flags & O_DIRECTORY) != 0) return {};
  const int error = error_of_writing(file, call.flags);
  const bool ours = error == EROFS || (error == EACCES && cover_of(file) != Cover::kNone);
  return ours ? denied(error, rule_at(file), call.path, kWrite) : CallVerdict{};
}

CallVerdict TreeLook::make(const GivenPath& path, const PathCall& call) const {
  const Place place = paths_.parent(path);
  if (!place.directory.valid()) {
    return not_found(place.error, path, LastLink::kKeep, kCreate);
  }
  const bool slash = place.name.ends_with('/');
  if (!is_entry(place.name) || (slash && !call.directory)) return {};
  const bool follows = call.wish == Wish::kOpen && call.last == LastLink::kFollow;
  const bool closed = is_read_only(place.directory);
  if (!closed && !follows) return {};
  struct stat info {};
  if (::fstatat(place.directory.get(), place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    return follows && S_ISLNK(info.st_mode) ? make_behind_link(path) : CallVerdict{};
  }
  if (!closed) return {};
  if (errno == ENOENT) return read_only_entry(place.directory, path);
  const bool shut = errno == EACCES && cover_of(place.directory) == Cover::kDenied;
  return shut ? denied(EACCES, BrokenRule::kDenied, path, kCreate) : CallVerdict{};
}

// An open(2) that creates does so where a link leads that leads nowhere.
CallVerdict TreeLook::make_behind_link(const GivenPath& path) const {
  const Place place = paths_.walk(path, LastLink::kFollow);
  const bool made = place.error == ENOENT && place.at_end;
  if (!made) return not_found(place.error, path, LastLink::kFollow, kCreate);
  return is_read_only(place.directory) ? read_only_entry(place.directory, path) : CallVerdict{};
}

// Of what is not there procfs says so, also to those who would make it.
CallVerdict TreeLook::read_only_entry(const OwnedFd& directory, const GivenPath& path) const {
  return is_procfs(directory) ? CallVerdict{} : read_only(directory, path, kCreate);
}

CallVerdict TreeLook::remove(const PathCall& call) const {
  const Place place = paths_.parent(call.path);
  if (!place.directory.valid()) return not_found(place.error, call.path, call.last, kRemove);
  if (!is_entry(place.name)) return {};
  struct stat info {};
  if (is_read_only(place.directory)) {
    // The kernel refuses also to remove what is not there. Nobody misses that.
    const int flags = AT_SYMLINK_NOFOLLOW;
    if (::fstatat(place.directory.get(), place.name.c_str(), &info, flags) == 0) {
      return read_only(place.directory, call.path, kRemove);
    }
    const bool shut = errno == EACCES && cover_of(place.directory) == Cover::kDenied;
    return shut ? denied(EACCES, BrokenRule::kDenied, call.path, kRemove) : CallVerdict{};
  }
  struct statx more {};
  if (::statx(place.directory.get(), place.name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_TYPE, &more) < 0) {
    return {};
  }
  const bool is_directory = S_ISDIR(more.stx_mode);
  const bool removes_directory = (call.flags & AT_REMOVEDIR) != 0;
  if ((more.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return {};
  return is_directory == removes_directory ? busy(place, call.path, kRemove) : CallVerdict{};
}

// What is mounted is neither removed nor renamed.
CallVerdict TreeLook::busy(const Place& where, const GivenPath& path, const char* operation) const {
  struct stat info {};
  if (::fstat(where.directory.get(), &info) < 0) return {};
  const bool sticky = (info.st_mode & S_ISVTX) != 0 && info.st_uid != ::geteuid();
  const int may = ::faccessat(where.directory.get(), ".", W_OK | X_OK, 0);
  const OwnedFd file(
      ::openat(where.directory.get(), where.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (sticky || may < 0 || !file.valid()) return {};
  const auto rule = kept_by(file);
  return rule.has_value() ? denied(EBUSY, *rule, path, operation) : CallVerdict{};
}

CallVerdict TreeLook::rename(const PathCall& call) const {
  const Place from = paths_.parent(call.path);
  if (!from.directory.valid()) return not_found(from.error, call.path, call.last, kRename);
  const Place to = paths_.parent(call.other);
  if (!to.directory.valid()) return not_found(to.error, call.other, call.last, kRename);
  if (!is_entry(from.name) || !is_entry(to.name)) return {};
  struct statx mounts[2] = {};
  struct statx ends[2] = {};
  const Place* places[2] = {&from, &to};
  bool there[2] = {};
  for (int i = 0; i < 2; ++i) {
    const int directory = places[i]->directory.get();
    if (::statx(directory, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, &mounts[i]) < 0) return {};
    const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    there[i] = ::statx(directory, places[i]->name.c_str(), flags, STATX_TYPE, &ends[i]) == 0;
  }
  // Between two mounts nothing is moved, and programs copy.
  if (mounts[0].stx_mnt_id != mounts[1].stx_mnt_id || !there[0]) return {};
  const bool exchanges = (call.flags & RENAME_EXCHANGE) != 0;
  if ((exchanges && !there[1]) || ((call.flags & RENAME_NOREPLACE) != 0 && there[1])) return {};
  if (is_read_only(from.directory)) return read_only(from.directory, call.path, kRename);
  const auto is_mount = [](const struct statx& end) {
    return (end.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  };
  const bool alike = S_ISDIR(ends[0].stx_mode) == S_ISDIR(ends[1].stx_mode);
  if (there[1] && !alike && !exchanges) return {};
  if (is_mount(ends[0])) return busy(from, call.path, kRename);
  return there[1] && is_mount(ends[1]) ? busy(to, call.other, kRename) : CallVerdict{};
}

CallVerdict TreeLook::change(const PathCall& call) const {
  const bool cuts = call.wish == Wish::kCut;
  const char* operation = cuts ? kWrite : kChange;
  const Place place = paths_.find(call.path, call.last);
  if (!place.file.valid()) {
    return call.descriptor ? CallVerdict{}
                           : not_found(place.error, call.path, call.last, operation);
  }
  if (!is_read_only(place.file)) return {};
  if (cuts && type_of(place.file) != S_IFREG) return {};
  // Kernels differ in whether they look at the mode first. A mode is nobody's violation.
  if (cuts && cover_of(place.file) == Cover::kNone) {
    const int error = error_of_writing(place.file, O_WRONLY);
    if (error == EACCES || error == EPERM) return {};
  }
  if (call.descriptor && is_handle(paths_.thread(), call.path.directory)) return {};
  return read_only(place.file, call.path, operation);
}

CallVerdict TreeLook::use(const PathCall& call, const char* operation, mode_t type) const {
  const Place place = paths_.find(call.path, call.last);
  if (!place.file.valid()) return not_found(place.error, call.path, call.last, operation);
  const Cover cover = cover_of(place.file);
  if (cover == Cover::kNone || type_of(place.file) != type) return {};
  if (cover == Cover::kDenied) return denied(EACCES, BrokenRule::kDenied, call.path, operation);
  // Behind the cover of a file is one that cannot be executed.
  if (type == S_IFREG) return denied(EACCES, BrokenRule::kHidden, call.path, operation);
  return hidden(0, call.path, operation);
}

CallVerdict TreeLook::not_found(int error, const GivenPath& path, LastLink last,
                                const char* operation) const {
  if (error == ENOENT) return missing(path, last, operation);
  if (error == EACCES) return blocked(path, last, operation);
  return {};
}

CallVerdict TreeLook::missing(const GivenPath& path, LastLink last, const char* operation) const {
  Place place = paths_.parent(path);
  struct stat info {};
  const bool is_last =
      place.directory.valid() &&
      ::fstatat(place.directory.get(), place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0 &&
      errno == ENOENT;
  if (!is_last) place = paths_.walk(path, last);
  if (!is_last && (place.error != ENOENT || !place.directory.valid())) return {};
  if (::fstat(place.directory.get(), &info) < 0 || info.st_nlink == 0) return {};
  const auto& ours = around_.own_devices;
  if (std::find(ours.begin(), ours.end(), info.st_dev) == ours.end()) return {};
  return hidden(ENOENT, path, operation);
}

CallVerdict TreeLook::blocked(const GivenPath& path, LastLink last, const char* operation) const {
  const Place place = paths_.walk(path, last);
  if (place.error != EACCES || !place.directory.valid()) return {};
  if (cover_of(place.directory) != Cover::kDenied) return {};
  return denied(EACCES, BrokenRule::kDenied, path, operation);
}

CallVerdict TreeLook::denied(int error, BrokenRule rule, const GivenPath& path,
                             const char* operation) const {
  std::string target = paths_.absolute(path);
  if (target.empty()) return {};
  return {error, Finding{ViolationKind::kFilesystem, rule, operation, std::move(target), error}};
}

CallVerdict TreeLook::hidden(int error, const GivenPath& path, const char* operation) const {
  CallVerdict verdict = denied(error, BrokenRule::kHidden, path, operation);
  verdict.error = 0;
  return verdict;
}

Cover TreeLook::cover_of(const OwnedFd& file) const {
  struct stat info {};
  return ::fstat(file.get(), &info) < 0 ? Cover::kNone : cover_of(info.st_dev, info.st_ino);
}

Cover TreeLook::cover_of(std::uint64_t device, std::uint64_t inode) const {
  const Blanks& blanks = around_.blanks;
  if (device == blanks.device) {
    const bool denies = inode == blanks.denied_directory || inode == blanks.denied_file;
    const bool hides = inode == blanks.hidden_directory || inode == blanks.hidden_file;
    return denies ? Cover::kDenied : hides ? Cover::kHidden : Cover::kNone;
  }
  const auto& hiding = around_.hiding_devices;
  const bool hides = std::find(hiding.begin(), hiding.end(), device) != hiding.end();
  return hides ? Cover::kHidden : Cover::kNone;
}

std::optional<BrokenRule> TreeLook::kept_by(const OwnedFd& file) const {
  const Cover cover = cover_of(file);
  if (cover == Cover::kDenied) return BrokenRule::kDenied;
  if (cover == Cover::kHidden) return BrokenRule::kHidden;
  const std::string path = path_of(file);
  for (const KeptPath& kept : around_.kept) {
    const bool above = path != kept.top && is_within(path, kept.top) && is_within(kept.path, path);
    if (above) return kept.rule;
  }
  return std::nullopt;
}

BrokenRule TreeLook::rule_at(const OwnedFd& file) const {
  const Cover cover = cover_of(file);
  if (cover == Cover::kDenied) return BrokenRule::kDenied;
  if (cover == Cover::kHidden) return BrokenRule::kHidden;
  const std::string path = path_of(file);
  for (const KeptPath& kept : around_.kept) {
    if (kept.rule == BrokenRule::kProtected && is_within(path, kept.path)) return kept.rule;
  }
  return BrokenRule::kReadOnly;
}

}  // namespace

CallVerdict tree_verdict(const PathSurroundings& around, const PathCall& call, pid_t thread,
                         HeldThread& held) {
  return TreeLook(around, thread, held).at(call);
}

}  // namespace mayfly::sandbox
