#include "sandbox/set_id_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxFiles = 256;

bool is_set_id_program(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return false;
  return (info.st_mode & S_ISUID) != 0 ||
         (info.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
}

bool is_dot(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

}  // namespace

Result<std::vector<std::string>> find_set_id_files(const Workspace& workspace) {
  const OwnedFd root = TRY(sys::open(workspace.path, O_PATH | O_DIRECTORY));
  std::vector<std::string> found;
  std::vector<std::string> pending = {"."};
  while (!pending.empty()) {
    const std::string directory = std::move(pending.back());
    pending.pop_back();
    auto opened = sys::openat2(root.get(), directory, O_RDONLY | O_DIRECTORY,
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (!opened) continue;
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(opened->release()), ::closedir);
    if (list == nullptr) continue;
    const std::string prefix = directory == "." ? "" : directory + "/";
    while (const dirent* entry = ::readdir(list.get())) {
      if (is_dot(entry->d_name)) continue;
      if (entry->d_type == DT_DIR) pending.push_back(prefix + entry->d_name);
      if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) continue;
      struct stat info {};
      if (::fstatat(::dirfd(list.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0) continue;
      if (S_ISDIR(info.st_mode)) pending.push_back(prefix + entry->d_name);
      if (is_set_id_program(info)) found.push_back(prefix + entry->d_name);
    }
    if (found.size() > kMaxFiles) {
      return fail(input_error(
          ErrorCode::kPathRefused, "workspace", workspace.path,
          "it has more than " + std::to_string(kMaxFiles) + " set-id programs",
          "Clear the bits with chmod ug-s, or serve the workspace with the profile readonly"));
    }
  }
  return found;
}

}  // namespace mayfly::sandbox
