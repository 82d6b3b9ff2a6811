#include "sandbox/writable_areas.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/sys.h"
#include "sandbox/protected_paths.h"

namespace mayfly::sandbox {
namespace {

Result<struct stat> look(const MountRule& rule) {
  const auto file =
      sys::openat2(AT_FDCWD, rule.source, O_PATH, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (!file) {
    Error error = input_error(
        ErrorCode::kWorkspaceUnusable, "filesystem", rule.source,
        file.error().os_errno == ELOOP ? "a symbolic link is on the way" : file.error().message,
        "Put back what was there, or take the rule out of the profile (" + rule.rule + ")");
    error.os_errno = file.error().os_errno;
    return fail(std::move(error));
  }
  return sys::fstat(file->get());
}

template <typename List>
bool is_in(const std::string& path, const List& list) {
  return std::any_of(list.begin(), list.end(),
                     [&path](const auto& each) { return is_within(path, each.path); });
}

bool is_unprotected(const Policy& policy, const std::string& path) {
  return std::find(policy.unprotect.begin(), policy.unprotect.end(), path) !=
         policy.unprotect.end();
}

}  // namespace

Result<WritableAreas> find_writable_areas(const Policy& policy) {
  WritableAreas areas;
  std::vector<const MountRule*> rules;
  for (const MountRule& rule : policy.mounts) {
    if (rule.access == Access::kWrite) {
      rules.push_back(&rule);
    } else if (is_in(rule.source, policy.workspaces)) {
      struct stat info {};
      const bool there = ::lstat(rule.source.c_str(), &info) == 0;
      areas.paths.push_back({rule.source, there ? info.st_dev : 0, there ? info.st_ino : 0});
    }
  }
  std::vector<Workspace> others;
  for (const MountRule* rule : rules) {
    const struct stat info = TRY(look(*rule));
    areas.paths.push_back({rule->source, info.st_dev, info.st_ino});
    if (S_ISDIR(info.st_mode)) areas.directories.push_back(rule->source);
    const bool known = is_in(rule->source, policy.workspaces) ||
                       std::any_of(others.begin(), others.end(), [rule](const Workspace& each) {
                         return each.path == rule->source;
                       });
    if (S_ISDIR(info.st_mode) && !known) {
      others.push_back({rule->source, info.st_dev, info.st_ino, info.st_uid, info.st_gid});
    }
  }
  for (const Workspace& workspace : policy.workspaces) {
    const bool part = std::any_of(rules.begin(), rules.end(), [&workspace](const auto* rule) {
      return is_within(rule->source, workspace.path) || is_within(workspace.path, rule->source);
    });
    if (part) areas.guarded.push_back(workspace);
  }
  areas.guarded.insert(areas.guarded.end(), others.begin(), others.end());
  return areas;
}

bool is_current(const WritableAreas& areas) {
  return std::all_of(areas.paths.begin(), areas.paths.end(), [](const KnownPath& each) {
    struct stat now {};
    if (::lstat(each.path.c_str(), &now) < 0) return each.inode == 0;
    return now.st_dev == each.device && now.st_ino == each.inode;
  });
}

Result<std::vector<std::pair<std::string, std::string>>> protections_of(
    const Policy& policy, const WritableAreas& areas) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const Workspace& area : areas.guarded) {
    if (std::find(policy.workspaces.begin(), policy.workspaces.end(), area) ==
        policy.workspaces.end()) {
      for (std::string& path : TRY(protected_directories(area))) {
        if (!is_unprotected(policy, path)) found.emplace_back(area.path, std::move(path));
      }
    }
    for (const std::string& path : policy.protect) found.emplace_back(area.path, path);
  }
  return found;
}

}  // namespace mayfly::sandbox
