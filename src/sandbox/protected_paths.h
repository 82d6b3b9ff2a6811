#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/guarded_path.h"
#include "sandbox/repository_scan.h"
#include "sandbox/repository_state.h"
#include "sandbox/workspace.h"

// Protected paths: no program of the host ever executes what a sandbox wrote there.
//
// A workspace is shared with the user's editor, shell, git and agents, and each of them runs code
// that it finds in files of known names. Two layers keep a sandbox from writing those:
//
//  1. While calls run, the directories of protected_directories() are bound read-only wherever they
//     exist (the launcher's work), together with all directories between them and the workspace.
//  2. When a call has ended and all its processes are dead (for a job: at each answer),
//     ProtectedPaths looks at the outcome: what appeared, changed or moved is renamed to
//     NAME.mayfly-blocked-N beside it, earlier content of files is put back, and each is reported.
//
// Plain git is let through: what `clone`, `init`, `remote add`, `push -u`, worktrees and submodules
// write. The second layer cannot tell the user's own changes during a call from the sandbox's and
// treats them alike: nothing is ever deleted, and the report says where it went.
namespace mayfly::sandbox {

// Relative to each workspace; the same for all.
const std::vector<std::string>& protected_directories();
// Files at the top of a workspace that programs of the host read commands from.
const std::vector<std::string>& protected_files();
// The common ones and the existing directories that this workspace's git configuration names as
// core.hooksPath.
Result<std::vector<std::string>> protected_directories(const Workspace& workspace);

// One for each workspace, kept while the server lives. Thread-safe.
//
//   auto paths = TRY(ProtectedPaths::open(workspace, {}));
//   TRY(paths->call_started());           // before the sandbox can write
//   …                                     // the call; for a job also paths->check() at answers
//   auto findings = paths->call_ended();  // once every process of the call is dead
//
// Calls that overlap share what was known when the first of them started, so that one call cannot
// pass off as old what another has just planted.
class ProtectedPaths {
 public:
  struct Options {
    DirectoryBind bind = DirectoryBind::kInForce;
    // More paths to protect, relative to the workspace; compared file by file, never assumed bound.
    std::vector<std::string> additional;
    RepositoryScan::Limits scan{};
  };

  static Result<std::unique_ptr<ProtectedPaths>> open(const Workspace& workspace, Options options);

  // E1003 if the workspace's path has come to mean another directory.
  Status call_started();
  // Undoes what is to be undone now, while the call goes on.
  std::vector<HostCodeFinding> check();
  std::vector<HostCodeFinding> call_ended();

  // For measurements: the directories read by the last look at the tree.
  std::size_t directories_read() const { return scan_.directories_read(); }

 private:
  ProtectedPaths(const Workspace& workspace, Options options, OwnedFd directory);

  void remember();
  std::vector<HostCodeFinding> settle();
  void settle_repositories(std::vector<HostCodeFinding>& findings);

  std::mutex mutex_;
  const Workspace workspace_;
  const Options options_;
  const OwnedFd directory_;
  RepositoryScan scan_;
  int running_ = 0;

  // What was there before the first of the running calls.
  std::map<std::string, GuardedPath> common_;  // the fixed names; directories behind binds
  std::map<std::string, GuardedPath> named_;   // what settings and options name; always compared
  std::map<std::string, RepositoryState> repositories_;
};

}  // namespace mayfly::sandbox
