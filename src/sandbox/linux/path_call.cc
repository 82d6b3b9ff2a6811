#include "sandbox/linux/path_call.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>

#include <vector>

namespace mayfly::sandbox {
namespace {

// The arguments of one call, taken apart. A part that cannot be read makes it nothing.
class Arguments {
 public:
  Arguments(const seccomp_data& call, const ProgramMemory& memory, PathBuffers& buffers)
      : call_(call), memory_(memory), buffers_(buffers) {}

  std::optional<PathCall> take();

 private:
  using Answer = std::optional<PathCall>;

  std::uint64_t raw(int i) const { return call_.args[i]; }
  int fd(int i) const { return static_cast<int>(call_.args[i]); }
  std::uint32_t flags(int i) const { return static_cast<std::uint32_t>(call_.args[i]); }

  bool read(int directory, std::uint64_t at, PathBuffer& buffer, GivenPath& path) const {
    const auto text = memory_.string(at, buffer);
    if (!text.has_value()) return false;
    path = {directory, *text};
    return true;
  }
  // With a path that is not empty.
  Answer about(Wish wish, int directory, int path, std::uint32_t flags = 0,
               LastLink last = LastLink::kFollow) const {
    PathCall call;
    call.wish = wish;
    call.flags = flags;
    call.last = last;
    if (!read(directory, raw(path), buffers_.path, call.path) || call.path.text.empty()) return {};
    return call;
  }
  Answer about_descriptor(Wish wish, int descriptor, std::uint32_t flags = 0) const {
    PathCall call;
    call.wish = wish;
    call.flags = flags;
    call.path.directory = descriptor;
    call.descriptor = true;
    return call;
  }
  Answer make(int directory, int path, bool is_directory) const {
    Answer call = about(Wish::kMake, directory, path, 0, LastLink::kKeep);
    if (call.has_value()) call->directory = is_directory;
    return call;
  }
  Answer with_other(Answer call, int directory, int path) const {
    if (!call.has_value() || !read(directory, raw(path), buffers_.other, call->other)) return {};
    return call->other.text.empty() ? Answer() : call;
  }
  Answer open(int directory, int path, std::uint32_t flags) const {
    const bool keep =
        (flags & O_NOFOLLOW) != 0 || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    return about(Wish::kOpen, directory, path, flags, keep ? LastLink::kKeep : LastLink::kFollow);
  }
  Answer symlink(int text, int directory, int path) const {
    // Of the text it only counts that it can be read and is not empty.
    GivenPath target;
    if (!read(AT_FDCWD, raw(text), buffers_.other, target) || target.text.empty()) return {};
    return make(directory, path, false);
  }
  Answer link(int old_directory, int old_path, int directory, int path, std::uint32_t flags) const {
    if ((flags & ~std::uint32_t(AT_SYMLINK_FOLLOW)) != 0) return {};
    const auto last = (flags & AT_SYMLINK_FOLLOW) != 0 ? LastLink::kFollow : LastLink::kKeep;
    return with_other(about(Wish::kLink, old_directory, old_path, flags, last), directory, path);
  }
  Answer rename(int old_directory, int old_path, int directory, int path,
                std::uint32_t flags) const {
    const std::uint32_t known = RENAME_NOREPLACE | RENAME_EXCHANGE;
    if ((flags & ~known) != 0 || (flags & known) == known) return {};
    return with_other(about(Wish::kRename, old_directory, old_path, flags, LastLink::kKeep),
                      directory, path);
  }
  Answer utimensat() const;
  Answer set_times(bool valid, int directory, int path) const {
    return valid ? about(Wish::kChange, directory, path) : Answer();
  }
  bool microseconds_at(std::uint64_t at) const;
  Answer attribute(Answer call, int name, bool sets) const;
  Answer execveat() const;

  const seccomp_data& call_;
  const ProgramMemory& memory_;
  PathBuffers& buffers_;
};

Arguments::Answer Arguments::utimensat() const {
  struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  if (raw(2) != 0 && !memory_.read(raw(2), times, sizeof times)) return {};
  const auto valid = [](const struct timespec& time) {
    return time.tv_nsec == UTIME_NOW || time.tv_nsec == UTIME_OMIT ||
           (time.tv_nsec >= 0 && time.tv_nsec < 1'000'000'000);
  };
  const bool nothing = times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT;
  if (nothing || !valid(times[0]) || !valid(times[1])) return {};
  const std::uint32_t options = flags(3);
  if (raw(1) == 0) {
    if (fd(0) == AT_FDCWD || options != 0) return {};
    return about_descriptor(Wish::kChange, fd(0));
  }
  if ((options & ~std::uint32_t(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return {};
  const bool keep = (options & AT_SYMLINK_NOFOLLOW) != 0;
  return about(Wish::kChange, fd(0), 1, 0, keep ? LastLink::kKeep : LastLink::kFollow);
}

bool Arguments::microseconds_at(std::uint64_t at) const {
  struct timeval times[2] = {};
  if (at == 0) return true;
  if (!memory_.read(at, times, sizeof times)) return false;
  for (const struct timeval& time : times) {
    if (time.tv_usec < 0 || time.tv_usec >= 1'000'000) return false;
  }
  return true;
}

// The kernel looks at name and value before it looks at the file (setxattr_copy in fs/xattr.c).
Arguments::Answer Arguments::attribute(Answer call, int name, bool sets) const {
  const auto read = memory_.string(raw(name), buffers_.other);
  if (!call.has_value() || !read.has_value() || read->empty() || read->size() > XATTR_NAME_MAX) {
    return {};
  }
  if (!sets) return call;
  const std::uint64_t size = raw(name + 2);
  if (size > XATTR_SIZE_MAX || (flags(name + 3) & ~unsigned(XATTR_CREATE | XATTR_REPLACE)) != 0) {
    return {};
  }
  std::vector<char> value(size);
  if (size > 0 && !memory_.read(raw(name + 1), value.data(), size)) return {};
  return call;
}

Arguments::Answer Arguments::execveat() const {
  const std::uint32_t options = flags(4);
  if ((options & ~std::uint32_t(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) return {};
  const bool keep = (options & AT_SYMLINK_NOFOLLOW) != 0;
  GivenPath path;
  if (!read(fd(0), raw(1), buffers_.path, path)) return {};
  if (path.text.empty()) {
    return (options & AT_EMPTY_PATH) != 0 ? about_descriptor(Wish::kExecute, fd(0)) : Answer();
  }
  PathCall call;
  call.wish = Wish::kExecute;
  call.path = path;
  call.last = keep ? LastLink::kKeep : LastLink::kFollow;
  return call;
}

std::optional<PathCall> Arguments::take() {
  constexpr int kCwd = AT_FDCWD;
  switch (call_.nr) {
    case SYS_open:
      return open(kCwd, 0, flags(1));
    case SYS_openat:
      return open(fd(0), 1, flags(2));
    case SYS_creat:
      return open(kCwd, 0, O_CREAT | O_WRONLY | O_TRUNC);
    case SYS_mkdir:
      return make(kCwd, 0, true);
    case SYS_mkdirat:
      return make(fd(0), 1, true);
    case SYS_mknod:
      return make(kCwd, 0, false);
    case SYS_mknodat:
      return make(fd(0), 1, false);
    case SYS_symlink:
      return symlink(0, kCwd, 1);
    case SYS_symlinkat:
      return symlink(0, fd(1), 2);
    case SYS_link:
      return link(kCwd, 0, kCwd, 1, 0);
    case SYS_linkat:
      return link(fd(0), 1, fd(2), 3, flags(4));
    case SYS_rmdir:
      return about(Wish::kRemove, kCwd, 0, AT_REMOVEDIR, LastLink::kKeep);
    case SYS_unlink:
      return about(Wish::kRemove, kCwd, 0, 0, LastLink::kKeep);
    case SYS_unlinkat:
      if ((flags(2) & ~std::uint32_t(AT_REMOVEDIR)) != 0) return {};
      return about(Wish::kRemove, fd(0), 1, flags(2), LastLink::kKeep);
    case SYS_rename:
      return rename(kCwd, 0, kCwd, 1, 0);
    case SYS_renameat:
      return rename(fd(0), 1, fd(2), 3, 0);
    case SYS_renameat2:
      return rename(fd(0), 1, fd(2), 3, flags(4));
    case SYS_truncate:
      if (static_cast<std::int64_t>(raw(1)) < 0) return {};
      return about(Wish::kCut, kCwd, 0);
    case SYS_chmod:
      return about(Wish::kChange, kCwd, 0);
    case SYS_fchmod:
      return about_descriptor(Wish::kChange, fd(0));
    case SYS_fchmodat:
      return about(Wish::kChange, fd(0), 1);
    case SYS_utime:
      if (struct utimbuf times{}; raw(1) != 0 && !memory_.read(raw(1), &times, sizeof times)) {
        return {};
      }
      return about(Wish::kChange, kCwd, 0);
    case SYS_utimes:
      return set_times(microseconds_at(raw(1)), kCwd, 0);
    case SYS_futimesat:
      if (raw(1) == 0) return {};
      return set_times(microseconds_at(raw(2)), fd(0), 1);
    case SYS_utimensat:
      return utimensat();
    case SYS_setxattr:
      return attribute(about(Wish::kChange, kCwd, 0), 1, true);
    case SYS_lsetxattr:
      return attribute(about(Wish::kChange, kCwd, 0, 0, LastLink::kKeep), 1, true);
    case SYS_fsetxattr:
      return attribute(about_descriptor(Wish::kChange, fd(0)), 1, true);
    case SYS_removexattr:
      return attribute(about(Wish::kChange, kCwd, 0), 1, false);
    case SYS_lremovexattr:
      return attribute(about(Wish::kChange, kCwd, 0, 0, LastLink::kKeep), 1, false);
    case SYS_fremovexattr:
      return attribute(about_descriptor(Wish::kChange, fd(0)), 1, false);
    case SYS_execve:
      return about(Wish::kExecute, kCwd, 0);
    case SYS_execveat:
      return execveat();
    case SYS_chdir:
      return about(Wish::kEnter, kCwd, 0);
    default:
      return {};
  }
}

}  // namespace

std::optional<PathCall> understand(const seccomp_data& call, const ProgramMemory& memory,
                                   PathBuffers& buffers) {
  return Arguments(call, memory, buffers).take();
}

}  // namespace mayfly::sandbox
