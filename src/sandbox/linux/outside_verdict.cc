#include "sandbox/linux/outside_verdict.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <string_view>
#include <utility>

#include "sandbox/linux/program_path.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

using Need = HostRules::Need;
using Answer = HostRules::Answer;

constexpr int kMaxDepth = 512;

bool gives(Reach reach, Need need) {
  switch (need) {
    case Need::kRead:
      return true;
    case Need::kWrite:
      return reach != Reach::kRead;
    case Need::kMake:
      return reach == Reach::kWrite;
    case Need::kExecute:
      return reach != Reach::kDevice;
  }
  return false;
}

bool same(const OwnedFd& a, const OwnedFd& b) {
  struct stat one {};
  struct stat other {};
  return ::fstat(a.get(), &one) == 0 && ::fstat(b.get(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

OwnedFd open_path(int directory, const std::string& name) {
  return OwnedFd(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

// The directory of `file`, whose path is `path`, or of the directory itself the one above.
OwnedFd above(const OwnedFd& file, bool is_directory, const std::string& path) {
  if (is_directory) return open_path(file.get(), "..");
  const std::size_t slash = path.rfind('/');
  OwnedFd parent = open_path(AT_FDCWD, slash == 0 ? "/" : path.substr(0, slash));
  if (!parent.valid()) return {};
  const OwnedFd again = open_path(parent.get(), path.substr(slash + 1));
  return again.valid() && same(file, again) ? std::move(parent) : OwnedFd();
}

// Whether modes and owners let this process do it, and so the program.
bool is_permitted(const OwnedFd& file, int mode) {
  return ::syscall(SYS_faccessat2, file.get(), "", mode, AT_EMPTY_PATH | AT_EACCESS) == 0;
}

bool is_read_only(const OwnedFd& file) {
  struct statfs info {};
  return ::fstatfs(file.get(), &info) < 0 || (info.f_flags & ST_RDONLY) != 0;
}

bool is_procfs(const OwnedFd& file) {
  struct statfs info {};
  return ::fstatfs(file.get(), &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

bool same_mount(const OwnedFd& a, const OwnedFd& b) {
  struct statx one {};
  struct statx other {};
  return ::statx(a.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &one) == 0 &&
         ::statx(b.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &other) == 0 &&
         one.stx_mnt_id == other.stx_mnt_id;
}

bool is_entry(std::string_view name) {
  const std::string_view plain = name.substr(0, name.find('/'));
  return !plain.empty() && plain.size() <= NAME_MAX && plain != "." && plain != "..";
}

bool exists(const Place& place) {
  struct stat info {};
  return ::fstatat(place.directory.get(), place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

// Of a name without regard to slashes behind it: a link is none.
bool is_directory(const Place& place) {
  struct stat info {};
  const std::string name = place.name.substr(0, place.name.find('/'));
  return ::fstatat(place.directory.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(info.st_mode);
}

class OutsideLook {
 public:
  OutsideLook(const HostRules& rules, pid_t thread) : rules_(rules), paths_(thread) {}

  CallVerdict at(const PathCall& call) const {
    switch (call.wish) {
      case Wish::kOpen:
        return open(call);
      case Wish::kMake:
        return make(call.path, call);
      case Wish::kLink:
        return link(call);
      case Wish::kRemove:
        return remove(call);
      case Wish::kRename:
        return rename(call);
      case Wish::kCut:
        return use(call, "write", Need::kWrite, W_OK);
      case Wish::kExecute:
        return use(call, "execute", Need::kExecute, X_OK);
      case Wish::kChange:  // file_attributes.h
      case Wish::kEnter:   // Landlock lets everybody in
        return {};
    }
    return {};
  }

 private:
  CallVerdict open(const PathCall& call) const {
    if ((call.flags & O_PATH) != 0) return {};
    const bool unnamed = (call.flags & O_TMPFILE) == O_TMPFILE;
    const bool creates = (call.flags & O_CREAT) != 0;
    if (creates && (call.flags & O_DIRECTORY) != 0) return {};
    const Place place = paths_.find(call.path, call.last);
    if (!place.file.valid()) {
      return place.error == ENOENT && creates ? make(call.path, call) : CallVerdict{};
    }
    if (creates && (call.flags & O_EXCL) != 0) return {};
    struct stat info {};
    if (::fstat(place.file.get(), &info) < 0 || S_ISLNK(info.st_mode)) return {};
    const bool is_directory = S_ISDIR(info.st_mode);
    if (unnamed) {
      return is_directory ? judge(place.file, Need::kMake, W_OK | X_OK, call.path, "create")
                          : CallVerdict{};
    }
    const std::uint32_t access = call.flags & O_ACCMODE;
    const bool writes = access != O_RDONLY || (call.flags & O_TRUNC) != 0;
    const bool wrong = is_directory ? writes || creates : (call.flags & O_DIRECTORY) != 0;
    if (wrong) return {};
    const int mode = (writes ? W_OK : 0) | (access != O_WRONLY ? R_OK : 0);
    if (!writes) return judge(place.file, Need::kRead, mode, call.path, "read");
    return judge(place.file, Need::kWrite, mode, call.path, "write");
  }

  CallVerdict make(const GivenPath& path, const PathCall& call) const {
    Place place = paths_.parent(path);
    const bool follows = call.wish == Wish::kOpen && call.last == LastLink::kFollow;
    const bool slash = place.name.ends_with('/') && !call.directory;
    if (!place.directory.valid() || !is_entry(place.name) || slash) return {};
    if (exists(place)) {
      if (!follows) return {};
      place = paths_.walk(path, LastLink::kFollow);
      if (place.error != ENOENT || !place.at_end) return {};
    }
    // Of what is not there procfs says so, also to those who would make it.
    return is_procfs(place.directory) ? CallVerdict{} : in_directory(place, path, "create");
  }

  // Before Landlock the kernel looks whose file it is (fs.protected_hardlinks).
  CallVerdict link(const PathCall& call) const {
    const Place old = paths_.find(call.path, call.last);
    const Place place = paths_.parent(call.other);
    struct stat info {};
    if (!old.file.valid() || ::fstat(old.file.get(), &info) < 0) return {};
    if (info.st_uid != ::geteuid() || !place.directory.valid()) return {};
    return same_mount(old.file, place.directory) ? make(call.other, call) : CallVerdict{};
  }

  CallVerdict remove(const PathCall& call) const {
    const Place place = paths_.parent(call.path);
    if (!place.directory.valid() || !is_entry(place.name) || !exists(place)) return {};
    if (place.name.ends_with('/') && (call.flags & AT_REMOVEDIR) == 0) return {};
    return in_directory(place, call.path, "remove");
  }

  CallVerdict rename(const PathCall& call) const {
    const Place from = paths_.parent(call.path);
    const Place to = paths_.parent(call.other);
    if (!from.directory.valid() || !to.directory.valid()) return {};
    if (!is_entry(from.name) || !is_entry(to.name) || !exists(from)) return {};
    const bool replaces = exists(to);
    if (((call.flags & RENAME_EXCHANGE) != 0 && !replaces) ||
        ((call.flags & RENAME_NOREPLACE) != 0 && replaces)) {
      return {};
    }
    const bool slash = from.name.ends_with('/') || to.name.ends_with('/');
    if ((slash && !is_directory(from)) || !same_mount(from.directory, to.directory)) return {};
    CallVerdict verdict = in_directory(from, call.path, "rename");
    return verdict.error != 0 ? std::move(verdict) : in_directory(to, call.other, "rename");
  }

  CallVerdict use(const PathCall& call, const char* operation, Need need, int mode) const {
    const Place place = paths_.find(call.path, call.last);
    struct stat info {};
    if (!place.file.valid() || ::fstat(place.file.get(), &info) < 0) return {};
    return S_ISREG(info.st_mode) ? judge(place.file, need, mode, call.path, operation)
                                 : CallVerdict{};
  }

  // Landlock is asked before the directory's own mode is looked at.
  CallVerdict in_directory(const Place& place, const GivenPath& path, const char* operation) const {
    if (is_read_only(place.directory)) return {};
    if (rules_.allow(place.directory, Need::kMake) != Answer::kDenied) return {};
    return outside(path, operation);
  }
  // And after the mode of a file.
  CallVerdict judge(const OwnedFd& file, Need need, int mode, const GivenPath& path,
                    const char* operation) const {
    if (rules_.allow(file, need) != Answer::kDenied || !is_permitted(file, mode)) return {};
    return outside(path, operation);
  }
  CallVerdict outside(const GivenPath& path, const char* operation) const {
    std::string target = paths_.absolute(path);
    if (target.empty()) return {};
    return {EACCES, Finding{ViolationKind::kFilesystem, BrokenRule::kOutside, operation,
                            std::move(target), EACCES}};
  }

  const HostRules& rules_;
  const ProgramPath paths_;
};

}  // namespace

HostRules::HostRules(const std::vector<LandlockRule>& rules) {
  for (const LandlockRule& rule : rules) {
    const OwnedFd file = open_path(AT_FDCWD, rule.path);
    struct stat info {};
    if (!file.valid() || ::fstat(file.get(), &info) < 0) continue;
    rules_.push_back({rule, info.st_dev, info.st_ino});
  }
}

bool HostRules::has_rule_on(const OwnedFd& file, Need need) const {
  struct stat info {};
  if (::fstat(file.get(), &info) < 0) return false;
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& one) {
    return one.device == info.st_dev && one.inode == info.st_ino && gives(one.rule.reach, need);
  });
}

Answer HostRules::allow(const OwnedFd& file, Need need) const {
  const std::string path = path_of(file);
  struct stat info {};
  if (!path.starts_with('/') || ::fstat(file.get(), &info) < 0 || info.st_nlink == 0) {
    return Answer::kUnsure;  // a pipe, or what nothing leads to any more
  }
  const bool named = std::any_of(rules_.begin(), rules_.end(), [&](const Rule& one) {
    return gives(one.rule.reach, need) && is_within(path, one.rule.path);
  });
  if (named) return Answer::kAllowed;
  if (has_rule_on(file, need)) return Answer::kAllowed;
  // The same directory may be mounted at other places as well.
  bool is_directory = S_ISDIR(info.st_mode);
  OwnedFd at = above(file, is_directory, path);
  if (!at.valid()) return Answer::kUnsure;
  if (is_directory && same(file, at)) return Answer::kDenied;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    if (has_rule_on(at, need)) return Answer::kAllowed;
    OwnedFd next = above(at, true, {});
    if (!next.valid()) return Answer::kUnsure;
    if (same(at, next)) return Answer::kDenied;
    at = std::move(next);
  }
  return Answer::kUnsure;
}

CallVerdict outside_verdict(const HostRules& rules, const PathCall& call, pid_t thread) {
  return OutsideLook(rules, thread).at(call);
}

}  // namespace mayfly::sandbox
