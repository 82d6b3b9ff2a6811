#pragma once

#include <set>
#include <string>
#include <vector>

#include "sandbox/git_config.h"
#include "sandbox/guarded_path.h"

namespace mayfly::sandbox {

// One repository as it was at one moment: the places from which git takes code or configuration.
// `path` is a ".git" entry of any type, or a directory that is a git directory by itself.
struct RepositoryState {
  std::string path;
  beneath::Entry self;
  GuardedPath hooks;
  beneath::Entry config;
  beneath::Entry worktree_config;   // config.worktree
  beneath::Entry common_directory;  // commondir
  beneath::Entry rebase;            // rebase-merge
  beneath::Entry rebase_todo;       // rebase-merge/git-rebase-todo, which can hold "exec" lines

  bool is_directory() const { return self.kind == beneath::Entry::Kind::kDirectory; }
  // Everything that both configuration files set. Empty where they do not parse.
  std::vector<GitConfigEntry> settings() const;
};

RepositoryState look_at_repository(const Workplace& workplace, const std::string& path,
                                   const RepositoryState* earlier = nullptr);

// Paths inside the workspace that the repository's own configuration makes git run or load: the
// directory of core.hooksPath, and included configuration files.
std::vector<std::string> named_by_settings(const Workplace& workplace,
                                           const RepositoryState& repository);

// What was known of a repository before the call.
struct KnownRepository {
  const RepositoryState* here = nullptr;       // what was at this path
  const RepositoryState* elsewhere = nullptr;  // the same directory under another path: it moved
};

// Undoes what git must not find in `path`, and keeps what plain git writes. `repositories` are all
// that exist now: what one of them points to is judged there.
// Returns the state that is left.
RepositoryState settle_repository(const Workplace& workplace, const std::string& path,
                                  const KnownRepository& known,
                                  const std::set<std::string>& repositories,
                                  std::vector<HostCodeFinding>& findings);

}  // namespace mayfly::sandbox
