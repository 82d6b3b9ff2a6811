#include "files/replacement.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>

#include "base/sys.h"
#include "base/text.h"
#include "files/file_errors.h"

namespace mayfly::files {
namespace {

constexpr mode_t kKeptMode = 0777;  // no set-id bits: the new content is not the old program

std::string unguessable_name(const std::string& beside) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) return {};
  char suffix[32];
  const int size = std::snprintf(suffix, sizeof suffix, ".mayfly-%016llx",
                                 static_cast<unsigned long long>(random));
  const std::size_t room = NAME_MAX - static_cast<std::size_t>(size) - 1;
  return "." + beside.substr(0, text::floor_boundary(beside, room)) + suffix;
}

bool same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

}  // namespace

Replacement::Replacement(Replacement&& other) noexcept
    : spot_(other.spot_),
      old_(other.old_),
      old_file_(std::move(other.old_file_)),
      name_(std::move(other.name_)),
      file_(std::move(other.file_)) {
  other.name_.clear();
}

Replacement::~Replacement() {
  if (!name_.empty()) ::unlinkat(spot_->directory.get(), name_.c_str(), 0);
}

Error Replacement::refused(std::string_view call, int number) const {
  return kernel_refused(spot_->shown.empty() ? spot_->name : spot_->shown, call, number);
}

Result<Replacement> Replacement::begin(const Spot& spot) {
  Replacement replacement(spot);
  TRY(replacement.look_at_old());
  TRY(replacement.make_new());
  TRY(replacement.keep_owner_and_mode());
  return replacement;
}

Status Replacement::look_at_old() {
  const int directory = spot_->directory.get();
  const char* name = spot_->name.c_str();
  struct stat info {};
  if (::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return {};
    return fail(refused("fstatat", errno));
  }
  if (!S_ISREG(info.st_mode)) return fail(wrong_kind(spot_->shown, info.st_mode));
  // A rename would replace a file that its mode protects; a shell's ">" does not, and neither do
  // we. A program that is running is another matter: it keeps its file.
  constexpr int kCareful = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  const auto writable = sys::openat(directory, name, O_WRONLY | kCareful);
  if (!writable && writable.error().os_errno != ETXTBSY) {
    return fail(refused("openat", writable.error().os_errno));
  }
  auto readable = sys::openat(directory, name, O_RDONLY | kCareful);
  if (readable) {
    const struct stat opened = TRY(sys::fstat(readable->get()));
    if (!same(opened, info)) return fail(changed_meanwhile(spot_->shown, "opened"));
    old_file_ = std::move(*readable);
  }
  old_ = info;
  return {};
}

Status Replacement::make_new() {
  constexpr mode_t kPrivate = 0600;  // until owner and mode are those of the old file
  constexpr mode_t kNew = 0666;      // less the umask, or as the directory's default ACL says
  std::string name = unguessable_name(spot_->name);
  if (name.empty()) return fail(refused("getrandom", errno));
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  auto file = sys::openat(spot_->directory.get(), name, kFlags, old_ ? kPrivate : kNew);
  if (!file) {
    const int number = file.error().os_errno;
    Error error = refused("make a file beside it", number);
    if (old_ && (number == EROFS || number == EACCES || number == EPERM)) {
      error.message =
          "it may be written, but its directory may not, so nothing can be put in its place";
      error.remedy = "write into it with run_command";
    }
    return fail(std::move(error));
  }
  file_ = std::move(*file);
  name_ = std::move(name);
  return {};
}

Status Replacement::keep_owner_and_mode() {
  if (!old_) return {};
  const struct stat info = TRY(sys::fstat(file_.get()));
  if ((info.st_uid != old_->st_uid || info.st_gid != old_->st_gid) &&
      ::fchown(file_.get(), old_->st_uid, old_->st_gid) < 0) {
    Error error = refused("fchown", errno);
    error.code = ErrorCode::kPathRefused;
    error.message = "its owner " + std::to_string(old_->st_uid) + " and group " +
                    std::to_string(old_->st_gid) +
                    " cannot be kept by a new file in its place; nothing was changed";
    error.remedy = "write into it with run_command, or remove it there first";
    return fail(std::move(error));
  }
  if (::fchmod(file_.get(), old_->st_mode & kKeptMode) < 0) return fail(refused("fchmod", errno));
  return {};
}

Status Replacement::add(std::string_view bytes) {
  const Status written = sys::write_all(file_.get(), bytes);
  if (!written) return fail(refused("write", written.error().os_errno));
  return {};
}

Status Replacement::put_in_place() {
  const int directory = spot_->directory.get();
  const char* from = name_.c_str();
  const char* to = spot_->name.c_str();
  // The content is on the disk before the name leads to it. The directory is not flushed: after a
  // crash the name leads to the old file or the new one, each whole.
  if (::fsync(file_.get()) < 0 && errno != EINVAL && errno != ENOSYS)
    return fail(refused("fsync", errno));
  if (old_) {
    struct stat now {};
    if (::fstatat(directory, to, &now, AT_SYMLINK_NOFOLLOW) < 0 || !same(now, *old_)) {
      return fail(changed_meanwhile(spot_->shown, "written"));
    }
    if (::renameat2(directory, from, directory, to, 0) < 0) return fail(refused("rename", errno));
    name_.clear();
    return {};
  }
  int number = ::renameat2(directory, from, directory, to, RENAME_NOREPLACE) < 0 ? errno : 0;
  if (number == 0) {
    name_.clear();
    return {};
  }
  // Some file systems do not know RENAME_NOREPLACE; a link does not replace either. The other name
  // goes with this object.
  if (number == EINVAL) number = ::linkat(directory, from, directory, to, 0) < 0 ? errno : 0;
  if (number == 0) return {};
  if (number == EEXIST) {
    return fail(
        path_error(ErrorCode::kInvalidArgument, spot_->shown,
                   "something was put there while it was being written; that was left alone",
                   "read it, then decide"));
  }
  return fail(refused("rename", number));
}

}  // namespace mayfly::files
