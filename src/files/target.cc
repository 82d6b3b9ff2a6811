#include "files/target.h"

#include <fcntl.h>

#include <cerrno>
#include <climits>
#include <vector>

#include "base/sys.h"
#include "base/text.h"
#include "files/file_errors.h"
#include "files/lost_path.h"

namespace mayfly::files {
namespace {

// How often something that somebody else keeps replacing is tried again.
constexpr int kAttempts = 8;

Result<Area> open_area(const Target& target) {
  for (const std::string* part : {&target.area, &target.path}) {
    if (part->find('\0') == std::string::npos) continue;
    return fail(path_error(ErrorCode::kInvalidArgument, target.shown, "it has a NUL character",
                           "no file's name has one; leave it out"));
  }
  Result<OwnedFd> area = sys::open(target.area, O_PATH | O_DIRECTORY);
  if (!area) return fail(kernel_refused(target.area, "open", area.error().os_errno));
  return Area{*std::move(area), target.area};
}

struct Split {
  std::string parent;
  std::string name;
};
Split split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// Makes what is missing of `path`, one component after the other, each in the directory that the
// kernel found for what is before it.
Result<OwnedFd> make_directories(const Area& area, const Target& target, const std::string& path) {
  std::string prefix;
  OwnedFd above;
  for (const std::string& component : text::split(path, '/')) {
    if (component.empty()) continue;
    prefix += (prefix.empty() ? "" : "/") + component;
    Result<OwnedFd> found = open_through_links(area, prefix, O_PATH | O_DIRECTORY);
    if (!found && found.error().os_errno == ENOENT) {
      constexpr mode_t kMode = 0777;  // less the umask
      const int in = above.valid() ? above.get() : area.directory.get();
      if (::mkdirat(in, component.c_str(), kMode) < 0 && errno != EEXIST) {
        return fail(kernel_refused(target.shown, "mkdirat", errno));
      }
      found = open_below(area, prefix, O_PATH | O_DIRECTORY);
    }
    if (!found) return fail(explain_lost(area, target, prefix, found.error().os_errno));
    above = std::move(*found);
  }
  return above;
}

Result<OwnedFd> open_parent(const Area& area, const Target& target, std::string path,
                            Parents parents) {
  Result<OwnedFd> opened = open_through_links(area, path, O_PATH | O_DIRECTORY);
  if (opened) return opened;
  const int number = opened.error().os_errno;
  if (number == ENOENT && parents == Parents::kCreate) return make_directories(area, target, path);
  Error error = explain_lost(area, target, path, number);
  if (error.code == ErrorCode::kNotFound)
    error.remedy += "; create_parents: true makes missing directories";
  return fail(std::move(error));
}

// What a link has for a content; `link` is open with O_PATH and O_NOFOLLOW.
Result<std::string> read_link(int link, const Target& target) {
  std::string content(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(link, "", content.data(), content.size());
  if (size < 0) return fail(kernel_refused(target.shown, "readlinkat", errno));
  content.resize(static_cast<std::size_t>(size));
  return content;
}

// The same file again, to be read from. ENXIO, ENOENT and the like mean that it is another by now.
Result<OwnedFd> open_to_read(const Area& area, const Target& target, std::string path,
                             const struct stat& expected) {
  Result<OwnedFd> opened = open_through_links(area, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!opened) return fail(explain_lost(area, target, path, opened.error().os_errno));
  const struct stat info = TRY(sys::fstat(opened->get()));
  if (info.st_dev != expected.st_dev || info.st_ino != expected.st_ino) {
    return fail(changed_meanwhile(target.shown, "opened"));
  }
  return opened;
}

}  // namespace

Result<OwnedFd> open_target(const Target& target) {
  const Area area = TRY(open_area(target));
  for (int attempt = 1;; ++attempt) {
    // Opening with O_PATH does nothing to a FIFO or a device; only what turns out to be neither is
    // opened in earnest.
    std::string path = target.path;
    const Result<OwnedFd> found = open_through_links(area, path, O_PATH);
    if (!found) return fail(explain_lost(area, target, path, found.error().os_errno));
    const struct stat info = TRY(sys::fstat(found->get()));
    if (S_ISDIR(info.st_mode)) {
      Result<OwnedFd> directory = sys::openat(found->get(), ".", O_RDONLY | O_DIRECTORY);
      if (directory) return directory;
      return fail(kernel_refused(target.shown, "openat", directory.error().os_errno));
    }
    if (!S_ISREG(info.st_mode)) return fail(wrong_kind(target.shown, info.st_mode));
    Result<OwnedFd> file = open_to_read(area, target, path, info);
    if (file || attempt == kAttempts) return file;
  }
}

Result<Spot> find_spot(const Target& target, Parents parents) {
  constexpr int kMostLinks = 40;  // as the kernel does
  const Area area = TRY(open_area(target));
  std::string path = target.path;
  for (int links = 0; links <= kMostLinks; ++links) {
    const auto [parent, name] = split(path);
    if (name.empty() || name == "." || name == "..") {
      return fail(kernel_refused(target.shown, "open", EISDIR));
    }
    Spot spot;
    spot.name = name;
    spot.shown = target.shown;
    // A link names one place; the directories of its target are not made up.
    spot.directory =
        TRY(open_parent(area, target, parent, links == 0 ? parents : Parents::kMustExist));
    const Result<OwnedFd> named = sys::openat(spot.directory.get(), name, O_PATH | O_NOFOLLOW);
    if (!named) {
      const int number = named.error().os_errno;
      if (number != ENOENT) return fail(kernel_refused(target.shown, "openat", number));
      return spot;
    }
    const struct stat info = TRY(sys::fstat(named->get()));
    if (!S_ISLNK(info.st_mode)) {
      spot.exists = true;
      return spot;
    }
    const std::string content = TRY(read_link(named->get(), target));
    if (!content.starts_with('/')) {
      path = parent.empty() ? content : parent + "/" + content;
      continue;
    }
    const auto named_below = name_below(area, content);
    if (!named_below) return fail(explain_lost(area, target, path, EXDEV));
    path = *named_below;
  }
  return fail(kernel_refused(target.shown, "openat", ELOOP));
}

std::string path_of(int fd) {
  std::string path(PATH_MAX, '\0');
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlinkat(AT_FDCWD, link.c_str(), path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return path;
}

}  // namespace mayfly::files
