#include "sandbox/workspace.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

// Refused with everything below them.
constexpr const char* kSystemTrees[] = {
    "/usr",       "/bin",       "/sbin",    "/lib",  "/lib32",      "/lib64",   "/libx32",
    "/etc",       "/boot",      "/dev",     "/proc", "/sys",        "/var/lib", "/var/log",
    "/var/cache", "/var/spool", "/var/run", "/nix",  "/lost+found",
};
// Refused themselves, while a directory below them may be a workspace.
constexpr const char* kSystemRoots[] = {
    "/",    "/home",  "/tmp", "/var",      "/var/tmp", "/opt",       "/srv",
    "/mnt", "/media", "/run", "/run/user", "/snap",    "/run/media", "/data",
};

constexpr const char* kPickAnother = "name a project directory with --workspace";

Error refused(const std::string& given, const std::string& why) {
  return input_error(ErrorCode::kWorkspaceRefused, "workspace", given, why, kPickAnother);
}

// The canonical form, or nothing if the path does not exist.
std::optional<std::string> canonical(const std::string& path) {
  auto real = sys::realpath(path);
  if (!real) return std::nullopt;
  return *std::move(real);
}

// The first component of `path` below `directory`, or empty.
std::string child_below(const std::string& path, const std::string& directory) {
  if (path == directory || !is_within(path, directory)) return "";
  const std::size_t start = directory == "/" ? 1 : directory.size() + 1;
  return path.substr(start, path.find('/', start) - start);
}

// Homes that matter: the caller's own, root's, and every other below /home.
std::vector<std::string> homes_near(const std::string& path, const HostUser& user) {
  std::vector<std::string> homes = {"/root"};
  if (user.home.size() > 1) {
    homes.push_back(user.home);
    if (auto resolved = canonical(user.home)) homes.push_back(*resolved);
  }
  const std::string other = child_below(path, "/home");
  if (!other.empty()) homes.push_back("/home/" + other);
  return homes;
}

std::vector<std::string> own_directories(const HostUser& user) {
  std::vector<std::string> own = {"/etc/mayfly"};
  for (const char* variable : {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"}) {
    const char* value = getenv(variable);
    if (value != nullptr && value[0] == '/') own.push_back(std::string(value) + "/mayfly");
  }
  if (!user.home.empty()) {
    for (const char* below : {"/.config/mayfly", "/.cache/mayfly", "/.local/state/mayfly"}) {
      own.push_back(user.home + below);
    }
  }
  const std::size_t named = own.size();
  for (std::size_t i = 0; i < named; ++i) {
    if (auto resolved = canonical(own[i])) own.push_back(*resolved);
  }
  return own;
}

Status judge(const std::string& given, const std::string& path, const HostUser& user) {
  for (const char* root : kSystemRoots) {
    if (path == root) return fail(refused(given, path + " holds more than one project"));
  }
  for (const char* tree : kSystemTrees) {
    if (is_within(path, tree)) return fail(refused(given, path + " belongs to the system"));
  }
  // Below /run only what a desktop mounts for a user is ever a project.
  if (is_within(path, "/run") && !is_within(path, "/run/media")) {
    return fail(refused(given, path + " belongs to the system"));
  }
  for (const std::string& home : homes_near(path, user)) {
    if (is_within(home, path)) {
      return fail(refused(given, path == home ? path + " is a home directory: keys, histories and "
                                                       "start-up files would be writable"
                                              : path + " is above the home directory " + home));
    }
    const std::string child = child_below(path, home);
    if (!child.empty() && child.front() == '.') {
      return fail(refused(given, path + " is inside " + home + "/" + child +
                                     ", which holds a user's settings or keys"));
    }
  }
  for (const std::string& own : own_directories(user)) {
    if (is_within(path, own) || is_within(own, path)) {
      return fail(refused(given, path + " would make Mayfly's own files in " + own + " writable"));
    }
  }
  return {};
}

}  // namespace

bool is_within(const std::string& path, const std::string& directory) {
  if (directory == "/") return !path.empty() && path.front() == '/';
  return path.compare(0, directory.size(), directory) == 0 &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

Result<Workspace> open_workspace(const std::string& path, const HostUser& user) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return fail(
        input_error(ErrorCode::kWorkspaceUnusable, "workspace", path, "not a path", kPickAnother));
  }
  const std::optional<std::string> resolved = canonical(path);
  if (!resolved) {
    const int number = errno;
    Error error = input_error(ErrorCode::kWorkspaceUnusable, "workspace", path, strerror(number),
                              number == ENOENT ? "create the directory, or name another with "
                                                 "--workspace"
                                               : kPickAnother);
    error.os_errno = number;
    return fail(std::move(error));
  }
  TRY(judge(path, *resolved, user));

  // Opened by the resolved name without following anything, so that what is described here is what
  // was judged above.
  auto directory = sys::openat2(AT_FDCWD, *resolved, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
  if (!directory) {
    Error error = input_error(
        ErrorCode::kWorkspaceUnusable, "workspace", path,
        directory.error().os_errno == ENOTDIR ? "not a directory" : directory.error().message,
        kPickAnother);
    error.os_errno = directory.error().os_errno;
    return fail(std::move(error));
  }
  const struct ::stat info = TRY(sys::fstat(directory->get()));
  return Workspace{*resolved, info.st_dev, info.st_ino, info.st_uid, info.st_gid};
}

Status judge_writable(const std::string& path, const HostUser& user) {
  return judge(path, path, user);
}

Result<std::string> default_workspace(
    const std::vector<std::pair<std::string, std::string>>& environment) {
  for (const auto& [name, value] : environment) {
    if (name == "CLAUDE_PROJECT_DIR" && !value.empty()) return value;
  }
  std::unique_ptr<char, decltype(&free)> current(::getcwd(nullptr, 0), &free);
  if (!current || current.get()[0] != '/') {
    return fail(input_error(ErrorCode::kWorkspaceUnusable, "workspace", "",
                            "the current directory is gone or not reachable", kPickAnother));
  }
  return std::string(current.get());
}

}  // namespace mayfly::sandbox
