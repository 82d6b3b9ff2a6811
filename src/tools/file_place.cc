#include "tools/file_place.h"

#include <climits>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"

namespace mayfly::tools {
namespace {

constexpr std::size_t kLongestPath = PATH_MAX - 1;

Error bad_path(const std::string& path, std::string_view message, std::string_view remedy) {
  return input_error(ErrorCode::kInvalidArgument, "path", path, message, remedy);
}

// Whether `path` is `directory` or is written below it.
bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.starts_with('/');
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

// Without "file://", and with $SCRATCH spelled out.
Result<std::string> spelled_out(const std::string& path) {
  constexpr std::string_view kUri = "file:///";
  if (path.starts_with(kUri)) {
    if (path.find('%') != std::string::npos) {
      return fail(bad_path(path, "is a URI with percent signs", "give the path itself"));
    }
    return path.substr(kUri.size() - 1);
  }
  for (const std::string_view name : {"$SCRATCH", "${SCRATCH}"}) {
    if (is_below(path, name)) return sandbox::kScratchPath + path.substr(name.size());
  }
  return path;
}

// With one '/' where there are several and without "." components; ".." stays.
std::string tidy(std::string_view path) {
  std::string out;
  for (const std::string& part : text::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (!out.empty() || path.starts_with('/')) out += '/';
    out += part;
  }
  return out.empty() && path.starts_with('/') ? "/" : out;
}

// Where the words of an absolute path lead if none is a link.
std::string without_dots(const std::string& path) {
  std::vector<std::string> parts;
  for (const std::string& part : text::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return "/" + text::join(parts, "/");
}

// The directory below which nothing is kept from one call to the next, or empty.
std::string fleeting(const std::string& path, const sandbox::Policy& policy, PlaceUse use) {
  const std::string led = without_dots(path);
  for (const sandbox::MountRule& mount : policy.mounts) {
    if (mount.destination != "/" && is_below(led, mount.destination)) return "";
  }
  for (const char* directory : {"/tmp", "/dev/shm"}) {
    if (is_below(led, directory)) return directory;
  }
  if (use == PlaceUse::kRead) return "";
  for (const sandbox::TmpfsRule& tmpfs : policy.tmpfs) {
    if (is_below(led, tmpfs.destination)) return tmpfs.destination;
  }
  // Of the home only the caches stay, which no file tool has to write.
  const std::string& home = policy.identity.home;
  return home.size() > 1 && is_below(led, home) ? home : "";
}

files::Target below(const std::string& area, const std::string& path, std::string shown) {
  std::string rest = path.substr(area == "/" ? 0 : area.size());
  rest.erase(0, rest.find_first_not_of('/'));
  return {area, std::move(rest), std::move(shown)};
}

Status check(const std::string& path) {
  if (path.empty()) return fail(bad_path(path, "is empty", "name a file or directory"));
  if (path.find('\0') != std::string::npos) {
    return fail(bad_path(path, "contains a NUL byte", "leave it out"));
  }
  if (path.size() > kLongestPath) {
    return fail(bad_path(text::shorten(path, 100), "is longer than 4095 bytes",
                         "no path is that long; give a shorter one"));
  }
  return {};
}

}  // namespace

Result<files::Target> place(const std::string& given, const sandbox::Policy& policy, PlaceUse use) {
  TRY(check(given));
  const std::string path = tidy(TRY(spelled_out(given)));
  if (!path.starts_with('/')) {
    if (policy.workspaces.empty()) {
      return fail(bad_path(given, "is relative, and there is no workspace",
                           "give an absolute path, or one below $SCRATCH"));
    }
    return files::Target{policy.workspaces.front().path, path, path.empty() ? "." : path};
  }

  const std::string* area = nullptr;
  for (const sandbox::Workspace& workspace : policy.workspaces) {
    if (!is_below(path, workspace.path)) continue;
    if (area == nullptr || workspace.path.size() > area->size()) area = &workspace.path;
  }
  if (area != nullptr) {
    files::Target target = below(*area, path, path);
    if (area == &policy.workspaces.front().path) {
      target.shown = target.path.empty() ? "." : target.path;
    }
    return target;
  }
  if (is_below(path, sandbox::kScratchPath)) return below(sandbox::kScratchPath, path, path);
  if (const std::string lost = fleeting(path, policy, use); !lost.empty()) {
    return fail(bad_path(given, lost + " is new for each call, so that nothing is kept there",
                         "use $SCRATCH (" + std::string(sandbox::kScratchPath) +
                             "), which keeps files between calls"));
  }
  return below("/", path, path);
}

std::string path_in_area(const files::Target& target) {
  return without_dots(target.path).substr(1);
}

}  // namespace mayfly::tools
