#include "audit/own_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/sys.h"

namespace mayfly::audit {
namespace {

Error unsafe(const std::string& path, const std::string& what, const std::string& remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, "audit", path, what, remedy);
}

bool is_ours(uid_t owner) { return owner == 0 || owner == ::geteuid(); }

Status judge_directories(const std::string& real_path) {
  for (std::string path = real_path;; path.resize(path.rfind('/'))) {
    const std::string shown = path.empty() ? "/" : path;
    const struct ::stat status = TRY(sys::stat(shown));
    if (!is_ours(status.st_uid)) {
      return fail(unsafe(shown, "belongs to user " + std::to_string(status.st_uid),
                         "keep the audit log in a directory of your own"));
    }
    if ((status.st_mode & 022) != 0 && (status.st_mode & S_ISVTX) == 0) {
      return fail(unsafe(shown, "may be written by others, who could replace the audit log",
                         "chmod go-w " + shown));
    }
    if (path.empty()) return {};
  }
}

// `path` has no slash at its end. What a typing error would make is left alone.
Status make_directory(const std::string& path, Missing missing) {
  if (::access(path.c_str(), F_OK) == 0 || errno != ENOENT) return {};
  const std::size_t slash = path.rfind('/');
  if (missing == Missing::kMakeAll && slash > 0) {
    // A server that ends may remove an empty one that it made too.
    for (int attempt = 0;; ++attempt) {
      TRY(sys::mkdir_parents(path.substr(0, slash), 0755));
      if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
      if (errno != ENOENT || attempt == 10) return fail(system_error("mkdir " + path, errno));
    }
  }
  if (slash > 0 && (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST)) return {};
  if (slash > 0 && errno != ENOENT) return fail(system_error("mkdir " + path, errno));
  return fail(unsafe(path, "is no directory yet", "make the directory first"));
}

}  // namespace

Result<Place> open_place(const std::string& path, Missing missing) {
  const std::size_t slash = path.rfind('/');
  if (path.empty() || path.front() != '/' || slash + 1 == path.size()) {
    return fail(unsafe(path, "is no absolute path of a file", "start it with /"));
  }
  const std::string above = slash == 0 ? "/" : path.substr(0, slash);
  if (missing != Missing::kFail) TRY(make_directory(above, missing));
  const std::string real = TRY(sys::realpath(above));
  TRY(judge_directories(real == "/" ? "" : real));
  Place place;
  place.name = path.substr(slash + 1);
  place.path = (real == "/" ? "" : real) + "/" + place.name;
  place.directory = TRY(sys::open(real, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  return place;
}

Result<OwnedFd> open_own(const Place& place, const std::string& name, int flags, mode_t others) {
  const std::string shown = place.path.substr(0, place.path.rfind('/') + 1) + name;
  const int fd = ::openat(place.directory.get(), name.c_str(),
                          flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
  if (fd < 0) {
    if (errno == ELOOP) return fail(unsafe(shown, "is a link", "name the file itself"));
    if (errno == EISDIR) return fail(unsafe(shown, "is a directory", "name a file in it"));
    if (errno == ENXIO) {
      return fail(unsafe(shown, "is no regular file", "name another file"));
    }
    return fail(system_error("open " + shown, errno));
  }
  OwnedFd file(fd);
  struct ::stat status {};
  if (::fstat(fd, &status) != 0) return fail(system_error("fstat " + shown, errno));
  if (S_ISDIR(status.st_mode)) {
    return fail(unsafe(shown, "is a directory", "name a file in it"));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(unsafe(shown, "is no regular file", "name another file"));
  }
  if (!is_ours(status.st_uid)) {
    return fail(unsafe(shown, "belongs to user " + std::to_string(status.st_uid),
                       "name a file of your own"));
  }
  if ((status.st_mode & others) != 0) {
    return fail(unsafe(shown, others == 022 ? "may be written by others" : "is open to others",
                       "chmod 600 " + shown));
  }
  if (status.st_nlink > 1) {
    return fail(unsafe(shown, "has another name too", "remove that, or name another file"));
  }
  return file;
}

}  // namespace mayfly::audit
