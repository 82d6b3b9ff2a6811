#include "sandbox/linux/program_path.h"

#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <optional>

namespace mayfly::sandbox {
namespace {

constexpr int kMaxLinks = 40;  // MAXSYMLINKS
// What a walk takes on: the longest path has half as many components, and links rarely add to it.
// The kernel's own limits are forty times this, which would hold init up for a second.
constexpr int kMostComponents = 4096;
constexpr std::size_t kMostBytes = std::size_t{4} * PATH_MAX;
constexpr const char* kDeleted = " (deleted)";

// openat2(2) with no more than is asked: sys::openat2 makes an error's text, and most of what a
// program looks for is not there.
OwnedFd open_path(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | flags;
  how.resolve = resolve;
  return OwnedFd(static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how)));
}

bool on_procfs(int fd) {
  struct statfs info {};
  return ::fstatfs(fd, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

std::string link_text(int directory, const char* name) {
  char text[PATH_MAX];
  const ssize_t size = ::readlinkat(directory, name, text, sizeof text);
  return size <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

// The next component of `text` from `at` on, which is moved behind it. Empty: there is none.
std::string take_component(std::string_view text, std::size_t& at) {
  const std::size_t begin = std::min(text.find_first_not_of('/', at), text.size());
  at = std::min(text.find('/', begin), text.size());
  return std::string(text.substr(begin, at - begin));
}

bool only_slashes(std::string_view text, std::size_t from) {
  return text.find_first_not_of('/', from) == std::string_view::npos;
}

bool names_process(std::string_view path, pid_t process) {
  const std::string own = "/proc/" + std::to_string(process);
  return path == own || path.starts_with(own + "/");
}

}  // namespace

std::string path_of(const OwnedFd& file) {
  char link[40];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file.get());
  return link_text(AT_FDCWD, link);
}

OwnedFd ProgramPath::own(int directory) const {
  char link[64];
  if (directory == AT_FDCWD) {
    std::snprintf(link, sizeof link, "/proc/%d/cwd", thread_);
  } else {
    std::snprintf(link, sizeof link, "/proc/%d/fd/%d", thread_, directory);
  }
  return OwnedFd(::open(link, O_PATH | O_CLOEXEC));
}

OwnedFd ProgramPath::start(const GivenPath& path) const {
  if (!path.text.starts_with('/')) return own(path.directory);
  return OwnedFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// In our own /proc, "self" would be us. Of what leads there over a link, walk() takes care.
std::string ProgramPath::translated(std::string_view text) const {
  for (const std::string_view self : {"/proc/self", "/proc/thread-self", "/dev/fd"}) {
    if (!text.starts_with(self)) continue;
    const std::string_view rest = text.substr(self.size());
    if (!rest.empty() && rest.front() != '/') continue;
    std::string result = "/proc/" + std::to_string(thread_);
    if (self == "/dev/fd") result += "/fd";
    return result.append(rest);
  }
  return std::string(text);
}

bool ProgramPath::is_own_process(int directory) const {
  char link[40];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
  return names_process(link_text(AT_FDCWD, link), thread_);
}

bool ProgramPath::glance(const GivenPath& path, LastLink last, HeldThread& held,
                         struct statx& info) const {
  const std::string_view name = path.text;
  if (name.empty() || name == ".." || name.size() > NAME_MAX) return false;
  if (name.find('/') != std::string_view::npos) return false;
  constexpr unsigned kWanted = STATX_TYPE | STATX_INO;
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  OwnedFd directory;
  if (path.directory != AT_FDCWD) directory = held.duplicate(thread_, path.directory);
  char whole[64 + NAME_MAX];
  if (path.directory == AT_FDCWD) {
    std::snprintf(whole, sizeof whole, "/proc/%d/cwd/%s", thread_, name.data());
  } else if (!directory.valid()) {
    std::snprintf(whole, sizeof whole, "/proc/%d/fd/%d/%s", thread_, path.directory, name.data());
  }
  const bool is_held = directory.valid();
  const int failed = ::statx(is_held ? directory.get() : AT_FDCWD, is_held ? name.data() : whole,
                             kFlags, kWanted, &info);
  if (failed < 0) return false;
  return last == LastLink::kKeep || !S_ISLNK(info.stx_mode);
}

Place ProgramPath::find(const GivenPath& path, LastLink last) const {
  Place place;
  if (path.text.empty()) {
    place.file = own(path.directory);
    if (!place.file.valid()) place.error = errno;
    return place;
  }
  const std::uint64_t flags = last == LastLink::kKeep ? O_NOFOLLOW : 0;
  if (path.text.front() == '/') {
    const bool of_process = path.text.starts_with("/proc/") || path.text.starts_with("/dev/fd");
    place.file = of_process ? open_path(AT_FDCWD, translated(path.text).c_str(), flags,
                                        RESOLVE_NO_MAGICLINKS)
                            : open_path(AT_FDCWD, path.text.data(), flags, RESOLVE_NO_MAGICLINKS);
  } else {
    const OwnedFd from = own(path.directory);
    if (!from.valid()) {
      place.error = errno;
      return place;
    }
    place.file = open_path(from.get(), path.text.data(), flags, RESOLVE_NO_MAGICLINKS);
  }
  if (place.file.valid()) return place;
  place.error = errno;
  // A magic link, or one too many.
  return place.error == ELOOP ? walk(path, last) : std::move(place);
}

Place ProgramPath::parent(const GivenPath& path) const {
  const std::size_t end = path.text.find_last_not_of('/');
  if (end == std::string_view::npos) {  // the root, or nothing
    Place place;
    place.error = path.text.empty() ? ENOENT : EOPNOTSUPP;
    return place;
  }
  const std::size_t slash = path.text.rfind('/', end);
  const std::string above(slash == std::string_view::npos ? std::string_view(".")
                                                          : path.text.substr(0, slash + 1));
  Place place = find({path.directory, above}, LastLink::kFollow);
  place.directory = std::move(place.file);
  place.name = path.text.substr(slash == std::string_view::npos ? 0 : slash + 1);
  place.at_end = place.directory.valid();
  return place;
}

Place ProgramPath::walk(const GivenPath& path, LastLink last) const {
  Place place;
  OwnedFd at = start(path);
  std::string whole = translated(path.text);  // with the targets of links in it
  std::size_t done = 0;                       // so far it was walked
  int components = 0;
  for (int links = 0; at.valid();) {
    std::string name = take_component(whole, done);
    if (name.empty()) {
      place.file = std::move(at);
      return place;
    }
    if (++components > kMostComponents) break;
    const bool at_end = only_slashes(whole, done);
    const bool slash = done < whole.size();
    OwnedFd next(::openat(at.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    if (next.valid() && ::fstat(next.get(), &info) < 0) break;
    const bool followed =
        next.valid() && S_ISLNK(info.st_mode) && (!at_end || last == LastLink::kFollow || slash);
    if (!followed) {
      if (next.valid() && !at_end) {
        at = std::move(next);
        continue;
      }
      place.error = next.valid() ? 0 : errno;
      if (next.valid() && slash && !S_ISDIR(info.st_mode)) place.error = ENOTDIR;
      if (place.error == 0) place.file = std::move(next);
      place.directory = std::move(at);
      place.name = std::move(name);
      place.at_end = at_end;
      return place;
    }
    if (++links > kMaxLinks) {
      place.error = ELOOP;
      return place;
    }
    std::string target;
    if (on_procfs(at.get()) && (name == "self" || name == "thread-self")) {
      target = std::to_string(thread_);
    } else if (on_procfs(at.get()) && path_of(at).size() > sizeof "/proc") {
      if (!is_own_process(at.get())) break;
      at.reset(::openat(at.get(), name.c_str(), O_PATH | O_CLOEXEC));
      continue;
    } else {
      target = link_text(next.get(), "");
      if (target.empty()) break;
      if (target.front() == '/') at.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    whole.replace(0, done, target);
    done = 0;
    if (whole.size() > kMostBytes) break;
  }
  place.error = EOPNOTSUPP;
  return place;
}

std::string ProgramPath::absolute(const GivenPath& path) const {
  std::string whole;
  if (!path.text.starts_with('/')) {
    whole = path_of(own(path.directory));
    if (!whole.starts_with('/') || whole.ends_with(kDeleted)) return {};
    if (path.text.empty()) return whole;
  }
  std::size_t at = 0;
  std::size_t known = whole.size();  // up to here no component is a link
  if (whole == "/") known = 0;
  whole.resize(known);
  for (std::string name = take_component(path.text, at); !name.empty();
       name = take_component(path.text, at)) {
    if (name == ".") continue;
    if (name == ".." && known == whole.size()) {
      if (known > 0) known = whole.rfind('/');
      whole.resize(known);
      continue;
    }
    whole += "/" + name;
  }
  return whole.empty() ? "/" : whole;
}

}  // namespace mayfly::sandbox
