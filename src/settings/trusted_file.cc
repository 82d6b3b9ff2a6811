#include "settings/trusted_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "base/sys.h"
#include "settings/document.h"

namespace mayfly::settings {
namespace {

Error refused(const std::string& path, const std::string& why, const std::string& remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, "file", path, why, remedy);
}

FileMark mark_of(const std::string& path, const struct stat& info) {
  constexpr std::int64_t kSecond = 1'000'000'000;
#ifdef __APPLE__
  const struct timespec modified = info.st_mtimespec;
  const struct timespec changed = info.st_ctimespec;
#else
  const struct timespec modified = info.st_mtim;
  const struct timespec changed = info.st_ctim;
#endif
  return {path,
          true,
          static_cast<std::uint64_t>(info.st_dev),
          static_cast<std::uint64_t>(info.st_ino),
          static_cast<std::uint64_t>(info.st_size),
          modified.tv_sec * kSecond + modified.tv_nsec,
          changed.tv_sec * kSecond + changed.tv_nsec};
}

// Whether somebody else could write it. A group of the owner's own (the same number) is nobody
// else; a directory that is sticky keeps others from replacing what is in it.
Status check_owner(const std::string& path, const struct stat& info) {
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return fail(refused(path, "belongs to user " + std::to_string(info.st_uid),
                        "it decides what sandboxes may do: chown it to the user of mayfly"));
  }
  const bool own_group = info.st_gid == info.st_uid || info.st_gid == 0;
  const bool sticky = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
  const bool others =
      (info.st_mode & S_IWOTH) != 0 || ((info.st_mode & S_IWGRP) != 0 && !own_group);
  if (others && !sticky) {
    return fail(refused(path, "can be written by other users", "chmod go-w " + path));
  }
  return {};
}

// Whoever can write a directory on the way can put another one in its place.
Status check_way(const std::string& real_path) {
  for (std::size_t at = real_path.rfind('/'); at != std::string::npos;
       at = at == 0 ? std::string::npos : real_path.rfind('/', at - 1)) {
    const std::string above = real_path.substr(0, std::max<std::size_t>(1, at));
    struct stat info {};
    if (::stat(above.c_str(), &info) < 0) return fail(system_error("stat " + above, errno));
    TRY(check_owner(above, info));
  }
  return {};
}

// A link decides which file is read, so it has to be as trusted as that, and so does its directory.
Status check_link(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) < 0) return fail(system_error("lstat " + path, errno));
  if (!S_ISLNK(info.st_mode)) return {};
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return fail(refused(path, "is a link of user " + std::to_string(info.st_uid),
                        "put a file or a link of your own there"));
  }
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return check_way(TRY(sys::realpath(directory)) + "/");
}

}  // namespace

FileMark mark_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) < 0) return {.path = path};
  return mark_of(path, info);
}

Result<TrustedText> read_trusted(const std::string& path) {
  TrustedText out;
  const auto real = sys::realpath(path);
  if (!real) {
    const int number = real.error().os_errno;
    Error error = refused(path, std::strerror(number), "check the path");
    error.os_errno = number;
    return fail(std::move(error));
  }
  out.real_path = *real;
  const OwnedFd file(
      ::open(real->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
  if (!file.valid()) {
    const int number = errno;
    Error error = refused(path, std::strerror(number), "make it readable for the user of mayfly");
    error.os_errno = number;
    return fail(std::move(error));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) < 0) return fail(system_error("fstat " + path, errno));
  if (!S_ISREG(info.st_mode)) return fail(refused(path, "is no regular file", "name a file"));
  TRY(check_owner(path, info));
  TRY(check_way(out.real_path));
  TRY(check_link(path));
  if (info.st_size > static_cast<off_t>(kMostDocumentBytes)) {
    return fail(refused(path, "is larger than 1 MiB", "no configuration is that long"));
  }
  // One byte more shows a file that grew meanwhile.
  out.text = TRY(sys::read_file(file.get(), kMostDocumentBytes + 1));
  if (out.text.size() > kMostDocumentBytes) {
    return fail(refused(path, "is larger than 1 MiB", "no configuration is that long"));
  }
  out.mark = mark_of(path, info);
  return out;
}

}  // namespace mayfly::settings
