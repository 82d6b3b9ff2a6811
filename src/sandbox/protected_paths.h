#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/guarded_path.h"
#include "sandbox/protection_journal.h"
#include "sandbox/protection_record.h"
#include "sandbox/repository_scan.h"
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
// pass off as old what another has just planted: those of one server in memory, those of all
// servers of the user through the record in Options::state_root. A server that dies in the middle
// of a call leaves its record behind; the first call that anybody starts in the workspace after it
// undoes what the dead one's sandbox left, and reports it with its own findings.
class ProtectedPaths {
 public:
  struct Options {
    DirectoryBind bind = DirectoryBind::kInForce;
    // More paths to protect, relative to the workspace; compared file by file, never assumed bound.
    std::vector<std::string> additional;
    // Of protected_directories() and protected_files(): those that the operator leaves to
    // sandboxes.
    std::vector<std::string> excluded{};
    RepositoryScan::Limits scan{};
    // Absolute, this user's own, outside of every workspace; created if missing (the record holds
    // the content of protected files). Empty: other servers are not known, and a crash leaves what
    // the sandbox wrote.
    std::string state_root{};
    // How long to wait for another server that is just looking through the workspace.
    std::chrono::milliseconds patience{5'000};
  };

  static Result<std::unique_ptr<ProtectedPaths>> open(const Workspace& workspace, Options options);

  // Abandons calls that are still running, as a crash does.
  ~ProtectedPaths();
  ProtectedPaths(const ProtectedPaths&) = delete;
  ProtectedPaths& operator=(const ProtectedPaths&) = delete;

  // E1003 if the workspace's path has come to mean another directory. E4001 if another server
  // looks through the workspace for longer than our patience, or has calls in it whose directories
  // are protected in another way than `bind`. E2001 if what a dead server
  // remembered cannot be read: its own sandbox may have left anything, so no call starts until a
  // person has looked and deleted the file that the error names. E6001 if nothing can be written.
  Status call_started();
  // Undoes what is to be undone now, while the call goes on.
  std::vector<HostCodeFinding> check();
  std::vector<HostCodeFinding> call_ended();

  // For measurements: the directories read by the last look at the tree.
  std::size_t directories_read() const { return scan_.directories_read(); }

 private:
  ProtectedPaths(const Workspace& workspace, Options options, OwnedFd directory);

  void remember();
  std::optional<ProtectionJournal::Turn> try_turn();
  void add_missing();
  Status begin_recorded();
  Status begin_in_turn(bool alone);
  void load_replaced();
  void end_recorded(bool have_turn);
  std::vector<HostCodeFinding> settle() { return settle(options_.bind); }
  std::vector<HostCodeFinding> settle(DirectoryBind bind);
  void settle_repositories(DirectoryBind bind, std::vector<HostCodeFinding>& findings);
  Workplace place(DirectoryBind bind) const;
  bool is_excluded(const std::string& path) const;

  std::mutex mutex_;
  const Workspace workspace_;
  const Options options_;
  const OwnedFd directory_;
  RepositoryScan scan_;
  int running_ = 0;

  ProtectionSnapshot before_;  // the first of the running calls
  std::optional<ProtectionJournal> journal_;
  bool unwritten_ = true;                          // before_ is not what the record has
  std::vector<HostCodeFinding> left_by_the_dead_;  // not reported yet
};

}  // namespace mayfly::sandbox
