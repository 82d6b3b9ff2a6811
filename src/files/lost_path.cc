#include "files/lost_path.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/sys.h"
#include "base/text.h"
#include "files/file_errors.h"

namespace mayfly::files {
namespace {

// Where following a path ends.
struct Stop {
  std::string parent;  // what could be followed
  std::string prefix;  // with the component that could not
  std::string component;
  std::string rest;  // what comes after it
  int number = 0;    // what the kernel said
  bool is_link = false;
  bool is_absolute = false;
  bool is_magic = false;  // a link of procfs, which leads where it likes
  std::string leads_to;
};

bool is_procfs(int fd) {
  struct statfs info {};
  return ::fstatfs(fd, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

std::string link_content(int link) {
  std::string content(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(link, "", content.data(), content.size());
  content.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return content;
}

// Whether following ends at `stop.prefix`.
bool stops_at(const Area& area, Stop& stop) {
  const auto number_of = [](const Result<OwnedFd>& opened) {
    return opened ? 0 : opened.error().os_errno;
  };
  const Result<OwnedFd> itself = open_below(area, stop.prefix, O_PATH | O_NOFOLLOW);
  stop.number = number_of(itself);
  if (!itself) return true;
  const auto info = sys::fstat(itself->get());
  if (!info || !S_ISLNK(info->st_mode)) return false;
  stop.number = number_of(open_below(area, stop.prefix, O_PATH));
  if (stop.number == 0) return false;
  stop.is_link = true;
  stop.is_magic = is_procfs(itself->get());
  stop.leads_to = link_content(itself->get());
  stop.is_absolute = stop.leads_to.starts_with('/');
  if (!stop.is_absolute) {
    const Result<OwnedFd> parent = open_below(area, stop.parent, O_PATH);
    const std::filesystem::path from = parent ? path_of(parent->get()) : "";
    stop.leads_to = (from / stop.leads_to).lexically_normal().string();
  }
  return true;
}

Stop find_stop(const Area& area, const std::string& path) {
  Stop stop;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string component = path.substr(at, end - at);
    at = end + 1;
    if (component.empty()) continue;
    stop.component = component;
    stop.prefix = stop.parent.empty() ? component : stop.parent + "/" + component;
    stop.rest = path.substr(end);
    if (stops_at(area, stop)) return stop;
    stop.parent = stop.prefix;
  }
  return Stop{};
}

// The name in `directory` that is most like `wanted`, of the first thousand.
std::string nearest_name(const Area& area, const std::string& directory,
                         const std::string& wanted) {
  constexpr int kMostNames = 1000;
  Result<OwnedFd> opened = open_below(area, directory, O_RDONLY | O_DIRECTORY);
  if (!opened) return {};
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(opened->get()), &::closedir);
  if (!stream) return {};
  opened->release();
  std::vector<std::string> names;
  for (int seen = 0; seen < kMostNames; ++seen) {
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());  // the order in a directory is no order
  return text::nearest(wanted, names);
}

std::string quoted(const std::string& path) { return '"' + text::one_line(path) + '"'; }

// `path` in the caller's words, if those end in the path that is being followed.
std::string in_words_of(const Target& target, const std::string& path) {
  if (target.path.empty() || !target.shown.ends_with(target.path)) return path;
  return target.shown.substr(0, target.shown.size() - target.path.size()) + path;
}

Error nothing_there(const Area& area, const Target& target, const Stop& stop) {
  const std::string nearest = nearest_name(area, stop.parent, stop.component);
  const std::string directory =
      stop.parent.empty() ? "its directory" : quoted(in_words_of(target, stop.parent));
  std::string remedy = "list_directory shows what there is";
  if (!nearest.empty()) {
    const std::string path = stop.parent.empty() ? nearest : stop.parent + "/" + nearest;
    remedy = "did you mean " + quoted(in_words_of(target, path)) + "?";
  }
  return path_error(ErrorCode::kNotFound, target.shown,
                    "there is no " + quoted(stop.component) + " in " + directory, remedy);
}

}  // namespace

Result<OwnedFd> open_below(const Area& area, const std::string& path, std::uint64_t flags) {
  constexpr int kAttempts = 64;
  const std::uint64_t bound = area.path == "/" ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
  for (int attempt = 1;; ++attempt) {
    Result<OwnedFd> opened = sys::openat2(area.directory.get(), path.empty() ? "." : path, flags,
                                          bound | RESOLVE_NO_MAGICLINKS);
    if (opened || opened.error().os_errno != EAGAIN || attempt == kAttempts) return opened;
  }
}

Result<OwnedFd> open_through_links(const Area& area, std::string& path, std::uint64_t flags) {
  constexpr int kMostLinks = 8;
  for (int links = 0;; ++links) {
    Result<OwnedFd> opened = open_below(area, path, flags);
    if (opened || opened.error().os_errno != EXDEV || links == kMostLinks) return opened;
    const Stop stop = find_stop(area, path);
    if (stop.number != EXDEV || !stop.is_absolute) return opened;
    const auto name = name_below(area, stop.leads_to);
    if (!name) return opened;
    path = *name + stop.rest;
  }
}

std::optional<std::string> name_below(const Area& area, const std::string& path) {
  if (!path.starts_with('/')) return std::nullopt;
  std::string_view name = path;
  if (area.path != "/") {
    if (!name.starts_with(area.path)) return std::nullopt;
    name.remove_prefix(area.path.size());
    if (!name.empty() && name.front() != '/') return std::nullopt;
  }
  name.remove_prefix(std::min(name.find_first_not_of('/'), name.size()));
  return std::string(name.empty() ? "." : name);
}

Error explain_lost(const Area& area, const Target& target, const std::string& path, int number) {
  const std::string outside = "outside of " + quoted(target.area);
  if (number == EAGAIN) return changed_meanwhile(target.shown, "looked up");
  if (path.starts_with('/')) {
    return path_error(ErrorCode::kPathRefused, target.shown, "it is " + outside,
                      "name something below it");
  }
  const Stop stop = find_stop(area, path);
  const std::string link = "the link " + quoted(in_words_of(target, stop.prefix));
  const std::string leads_to = quoted(stop.leads_to);
  if (stop.number == ENOENT && stop.is_link) {
    return path_error(ErrorCode::kNotFound, target.shown,
                      link + " leads to " + leads_to + ", where nothing is",
                      "make that, or remove the link with run_command");
  }
  if (stop.number == ENOENT) return nothing_there(area, target, stop);
  if (stop.number == ENOTDIR && !stop.is_link) {
    return path_error(ErrorCode::kNotFound, target.shown,
                      quoted(in_words_of(target, stop.parent)) + " is a file, not a directory",
                      "list_directory shows what there is");
  }
  if (stop.number == EXDEV && stop.is_link) {
    return path_error(ErrorCode::kPathRefused, target.shown,
                      link + " leads to " + leads_to + ", " + outside,
                      "name " + leads_to + " itself, if the profile shows it");
  }
  if (stop.number == EXDEV) {
    return path_error(ErrorCode::kPathRefused, target.shown, "it leads by \"..\" to " + outside,
                      "name something below it, or the place itself by its absolute path");
  }
  if (stop.number == ELOOP && stop.is_magic) {
    return path_error(ErrorCode::kPathRefused, target.shown,
                      link + " of procfs leads to " + leads_to + " and is not followed",
                      "name " + leads_to + " itself, if the profile shows it");
  }
  return kernel_refused(target.shown, "openat2", stop.number != 0 ? stop.number : number);
}

}  // namespace mayfly::files
