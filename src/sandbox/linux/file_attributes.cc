#include "sandbox/linux/file_attributes.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>
#include <utility>

#include "base/sys.h"
#include "sandbox/linux/program_memory.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

constexpr mode_t kSetId = S_ISUID | S_ISGID;

// What a call wants, whatever its name and its order of arguments.
struct Wish {
  int directory = AT_FDCWD;
  std::uint64_t path = 0;  // 0: the descriptor `directory` itself
  bool follow = true;
  std::optional<mode_t> mode;
  // Of utimensat(2); both UTIME_NOW where none are given.
  struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
};

template <typename Time>
bool read_times(const ProgramMemory& memory, std::uint64_t at, Wish& wish) {
  if (at == 0) return true;
  Time times[2];
  if (!memory.read(at, times, sizeof times)) return false;
  for (int i = 0; i < 2; ++i) {
    if constexpr (std::is_same_v<Time, struct timeval>) {
      wish.times[i] = {times[i].tv_sec, times[i].tv_usec * 1000};
    } else {
      wish.times[i] = times[i];
    }
  }
  return true;
}

bool read_utimbuf(const ProgramMemory& memory, std::uint64_t at, Wish& wish) {
  if (at == 0) return true;
  struct utimbuf times {};
  if (!memory.read(at, &times, sizeof times)) return false;
  wish.times[0] = {times.actime, 0};
  wish.times[1] = {times.modtime, 0};
  return true;
}

std::optional<Wish> understand(const seccomp_data& call, const ProgramMemory& memory) {
  const auto fd = [&call](int i) { return static_cast<int>(call.args[i]); };
  const auto mode = [&call](int i) { return static_cast<mode_t>(call.args[i] & 07777); };
  Wish wish;
  switch (call.nr) {
    case SYS_chmod:
      wish.path = call.args[0];
      wish.mode = mode(1);
      return wish;
    case SYS_fchmod:
      wish.directory = fd(0);
      wish.mode = mode(1);
      return wish;
    case SYS_fchmodat:
      wish.directory = fd(0);
      wish.path = call.args[1];
      wish.mode = mode(2);
      return wish;
    case SYS_utime:
      wish.path = call.args[0];
      if (!read_utimbuf(memory, call.args[1], wish)) return std::nullopt;
      return wish;
    case SYS_utimes:
      wish.path = call.args[0];
      if (!read_times<struct timeval>(memory, call.args[1], wish)) return std::nullopt;
      return wish;
    case SYS_futimesat:
      wish.directory = fd(0);
      wish.path = call.args[1];
      if (!read_times<struct timeval>(memory, call.args[2], wish)) return std::nullopt;
      return wish;
    case SYS_utimensat:
      wish.directory = fd(0);
      wish.path = call.args[1];
      wish.follow = (call.args[3] & AT_SYMLINK_NOFOLLOW) == 0;
      if (!read_times<struct timespec>(memory, call.args[2], wish)) return std::nullopt;
      return wish;
    default:
      return std::nullopt;
  }
}

// The file that the thread means, as a path descriptor.
Result<OwnedFd> resolve(pid_t thread, const Wish& wish, const ProgramMemory& memory) {
  const std::string proc = "/proc/" + std::to_string(thread);
  const std::string base =
      wish.directory == AT_FDCWD ? proc + "/cwd" : proc + "/fd/" + std::to_string(wish.directory);
  if (wish.path == 0) return sys::open(base, O_PATH);
  const auto path = memory.text(wish.path);
  if (!path) return fail(system_error("read a path", EFAULT));
  if (path->empty()) return fail(system_error("chmod", ENOENT));
  // Links like /proc/self/fd/3 would be looked up as init's: only the ones above are the thread's.
  const std::uint64_t flags = wish.follow ? O_PATH : O_PATH | O_NOFOLLOW;
  const OwnedFd from =
      path->front() == '/' ? OwnedFd() : TRY(sys::open(base, O_PATH | O_DIRECTORY));
  return sys::openat2(from.valid() ? from.get() : AT_FDCWD, *path, flags, RESOLVE_NO_MAGICLINKS);
}

std::string own_link(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace

bool FileAttributes::handles(int number) {
  constexpr int kHandled[] = {SYS_chmod,  SYS_fchmod,    SYS_fchmodat, SYS_utime,
                              SYS_utimes, SYS_futimesat, SYS_utimensat};
  return std::find(std::begin(kHandled), std::end(kHandled), number) != std::end(kHandled);
}

int FileAttributes::refusal(int number) {
  switch (number) {
    case SYS_chown:
    case SYS_fchown:
    case SYS_lchown:
    case SYS_fchownat:
      return EPERM;
    case SYS_setxattr:
    case SYS_lsetxattr:
    case SYS_fsetxattr:
    case SYS_removexattr:
    case SYS_lremovexattr:
    case SYS_fremovexattr:
      return EOPNOTSUPP;
    default:
      return 0;
  }
}

bool FileAttributes::allows(int file) const {
  const auto where = sys::readlink(own_link(file));
  return where && std::any_of(roots_.begin(), roots_.end(),
                              [&](const std::string& root) { return is_within(*where, root); });
}

int FileAttributes::perform(int listener, const seccomp_notif& request) const {
  const auto thread = static_cast<pid_t>(request.pid);
  const ProgramMemory memory(thread);
  const std::optional<Wish> wish = understand(request.data, memory);
  if (!wish || (wish->path == 0 && wish->directory == AT_FDCWD)) return EFAULT;
  if (wish->mode && (*wish->mode & kSetId) != 0) return EPERM;
  const auto file = resolve(thread, *wish, memory);
  // The thread may have ended, and its number be another's: then all of this was about nothing.
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id) < 0) return ENOENT;
  if (!file) return file.error().os_errno == ELOOP ? EPERM : file.error().os_errno;
  if (!allows(file->get())) return EPERM;
  // By way of our own descriptor: chmod(2) takes none that was opened with O_PATH.
  const std::string path = own_link(file->get());
  struct stat info {};
  if (::fstat(file->get(), &info) < 0) return errno;
  const bool is_link = S_ISLNK(info.st_mode);
  if (wish->mode) return ::chmod(path.c_str(), *wish->mode) < 0 ? errno : 0;
  if (is_link) return 0;  // the time of a link is nobody's concern
  return ::utimensat(AT_FDCWD, path.c_str(), wish->times, 0) < 0 ? errno : 0;
}

}  // namespace mayfly::sandbox
