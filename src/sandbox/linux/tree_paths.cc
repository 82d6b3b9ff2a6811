#include "sandbox/linux/tree_paths.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/root_builder.h"

namespace mayfly::sandbox {
namespace {

constexpr int kTries = 16;  // the kernel gives up a look-up when something is renamed meanwhile

Result<OwnedFd> look_up(int dir, const std::string& path, std::uint64_t resolve) {
  for (int tried = 1;; ++tried) {
    auto found = sys::openat2(dir, path, O_PATH, resolve);
    if (found || found.error().os_errno != EAGAIN || tried == kTries) return found;
  }
}

Result<OwnedFd> open_tree_root() { return sys::open(kTree, O_PATH | O_DIRECTORY); }

// A directory, from inside: one that is no mount point, in something writable.
Result<bool> can_be_renamed(int fd) {
  if (!S_ISDIR(TRY(sys::fstat(fd)).st_mode) || TRY(sys::is_mount_root(fd))) return false;
  struct statvfs info {};
  if (::fstatvfs(fd, &info) < 0) return fail(system_error("fstatvfs", errno));
  return (info.f_flag & ST_RDONLY) == 0;
}

std::vector<std::string> names_of(const std::string& path) {
  std::vector<std::string> names = text::split(path, '/');
  std::erase(names, "");
  return names;
}

Error no_mount_point(const std::string& path, bool directory, const Error& why) {
  const bool link = why.os_errno == ELOOP;
  Error error = input_error(
      ErrorCode::kSetupFailed, "filesystem", path,
      link ? "a symbolic link is on the way, and nothing is mounted over one"
           : "there is nothing to mount it on, and below a path of the host nothing is made",
      link ? "Name the real path in the profile, or remove the link"
           : std::string("Make an empty ") + (directory ? "directory" : "file") +
                 " there on the host, or name another path in the profile");
  error.os_errno = why.os_errno;
  return error;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

Result<OwnedFd> make_point(const std::string& path, bool directory) {
  auto found = open_in_tree(path, Links::kFollow);
  if (found || found.error().os_errno != ENOENT || path.empty()) return found;
  const OwnedFd parent = TRY(make_point(parent_of(path), true));
  const std::string name = path.substr(path.rfind('/') + 1);
  if (directory && ::mkdirat(parent.get(), name.c_str(), 0755) < 0) {
    return fail(system_error("mkdir " + path, errno));
  }
  if (!directory) {
    TRY(sys::openat(parent.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  }
  return look_up(parent.get(), name, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

}  // namespace

Result<OwnedFd> open_in_tree(const std::string& path, Links links) {
  const OwnedFd tree = TRY(open_tree_root());
  std::uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if (links == Links::kRefuse) resolve |= RESOLVE_NO_SYMLINKS;
  return look_up(tree.get(), path.empty() ? "/" : path, resolve);
}

Result<std::string> path_in_tree(int fd) {
  const std::string path =
      TRY(sys::readlink(std::string(kTree) + "/proc/self/fd/" + std::to_string(fd)));
  const std::string tree = kTree;
  if (path == tree) return "/";
  if (!path.starts_with(tree + "/")) return fail(system_error("find " + path, ENOENT));
  return path.substr(tree.size());
}

Result<OwnedFd> mount_point(const std::string& path, bool directory, bool make) {
  auto found = make ? make_point(path, directory) : open_pinned(path, Pin::kParents);
  if (!found) return fail(no_mount_point(path, directory, found.error()));
  const bool is_directory = S_ISDIR(TRY(sys::fstat(found->get())).st_mode);
  if (is_directory != directory) {
    return fail(no_mount_point(path, directory, system_error("mount", ENOTDIR)));
  }
  return found;
}

Status mount_onto_itself(int fd, Change change) {
  const OwnedFd copy = TRY(sys::open_tree(fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE));
  if (change == Change::kReadOnly) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    TRY(sys::mount_setattr(copy.get(), "", sys::Depth::kRecursive, attributes));
  }
  return sys::move_mount_onto(copy.get(), fd);
}

Result<OwnedFd> open_pinned(const std::string& path, Pin pin, const std::string& from) {
  constexpr std::uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  OwnedFd at = TRY(open_tree_root());
  const std::vector<std::string> names = names_of(path);
  const std::size_t first = names_of(from).size();
  for (std::size_t i = 0; i < names.size(); ++i) {
    OwnedFd next = TRY(look_up(at.get(), names[i], kBeneath));
    const bool wanted = i >= first && (i + 1 < names.size() || pin == Pin::kWhole);
    if (wanted && TRY(can_be_renamed(next.get()))) {
      TRY(mount_onto_itself(next.get(), Change::kNothing));
      next = TRY(look_up(at.get(), names[i], kBeneath));
    }
    at = std::move(next);
  }
  return at;
}

}  // namespace mayfly::sandbox
