#include "sandbox/protected_paths.h"

#include <fcntl.h>
#include <linux/openat2.h>

#include <utility>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

using Kind = beneath::Entry::Kind;
using Object = std::pair<dev_t, ino_t>;

Object object_of(const beneath::Entry& entry) { return {entry.info.st_dev, entry.info.st_ino}; }

Result<OwnedFd> open_checked(const Workspace& workspace) {
  auto directory = sys::openat2(AT_FDCWD, workspace.path, O_RDONLY | O_DIRECTORY,
                                RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (!directory) return fail(std::move(directory).error().within("protect " + workspace.path));
  const struct ::stat info = TRY(sys::fstat(directory->get()));
  if (info.st_dev != workspace.device || info.st_ino != workspace.inode) {
    return fail(input_error(ErrorCode::kWorkspaceUnusable, "workspace", workspace.path,
                            "another directory has taken its place", "restart the server"));
  }
  return directory;
}

Workplace workplace_of(const Workspace& workspace, int directory, DirectoryBind bind) {
  return Workplace{directory, workspace.path, bind};
}

}  // namespace

const std::vector<std::string>& protected_directories() {
  static const std::vector<std::string> directories = {
      ".git/hooks",
      // Hook directories that a user's global core.hooksPath may name.
      ".husky",
      ".githooks",
      // Editors: tasks, launch configurations, run on opening.
      ".vscode",
      ".idea",
      ".zed",
      ".fleet",
      ".nova",
      ".devcontainer",
      // Agents: hooks, MCP servers, permissions.
      ".claude",
      ".cursor",
      ".windsurf",
      ".codex",
      ".gemini",
      ".continue",
      ".roo",
      ".kilocode",
      ".kiro",
      ".trae",
      ".amazonq",
      ".opencode",
      ".junie",
      ".mayfly",
      // Run by a shell's prompt for directories that were trusted once.
      ".mise",
      ".config/mise",
  };
  return directories;
}

const std::vector<std::string>& protected_files() {
  static const std::vector<std::string> files = {
      ".mcp.json", "opencode.json", "opencode.jsonc", ".aider.conf.yml", ".devcontainer.json",
      ".envrc",    "mise.toml",     ".mise.toml",     "mise.local.toml", ".mise.local.toml",
      ".bashrc",   ".bash_profile", ".bash_login",    ".bash_logout",    ".bash_aliases",
      ".profile",  ".zshrc",        ".zshenv",        ".zprofile",       ".zlogin",
      ".zlogout",  ".gitconfig",    ".gdbinit",       ".lldbinit",       ".exrc",
      ".vimrc",    ".nvimrc",       ".nvim.lua",
  };
  return files;
}

Result<std::vector<std::string>> protected_directories(const Workspace& workspace) {
  std::vector<std::string> directories = protected_directories();
  const OwnedFd directory = TRY(open_checked(workspace));
  const Workplace workplace = workplace_of(workspace, directory.get(), DirectoryBind::kInForce);
  for (const std::string& path :
       named_by_settings(workplace, look_at_repository(workplace, ".git"))) {
    if (beneath::open(directory.get(), path, O_PATH | O_DIRECTORY)) directories.push_back(path);
  }
  return directories;
}

ProtectedPaths::ProtectedPaths(const Workspace& workspace, Options options, OwnedFd directory)
    : workspace_(workspace),
      options_(std::move(options)),
      directory_(std::move(directory)),
      scan_(directory_.get(), options_.scan) {}

Result<std::unique_ptr<ProtectedPaths>> ProtectedPaths::open(const Workspace& workspace,
                                                             Options options) {
  OwnedFd directory = TRY(open_checked(workspace));
  return std::unique_ptr<ProtectedPaths>(
      new ProtectedPaths(workspace, std::move(options), std::move(directory)));
}

Status ProtectedPaths::call_started() {
  const std::lock_guard lock(mutex_);
  (void)TRY(open_checked(workspace_));
  if (running_ == 0) remember();
  ++running_;
  return {};
}

std::vector<HostCodeFinding> ProtectedPaths::check() {
  const std::lock_guard lock(mutex_);
  return settle();
}

std::vector<HostCodeFinding> ProtectedPaths::call_ended() {
  const std::lock_guard lock(mutex_);
  std::vector<HostCodeFinding> findings = settle();
  if (running_ > 0) --running_;
  return findings;
}

// No call is running: what is there now is the user's.
void ProtectedPaths::remember() {
  (void)scan_.refresh();  // a gap will be one again, and is reported, when the call has ended
  const Workplace bound = workplace_of(workspace_, directory_.get(), options_.bind);
  const Workplace compared = workplace_of(workspace_, directory_.get(), DirectoryBind::kNone);

  const auto look = [](const Workplace& workplace, std::map<std::string, GuardedPath>& before,
                       std::map<std::string, GuardedPath>& now, const std::string& path) {
    const auto earlier = before.find(path);
    now[path] = look_guarded(workplace, path, earlier == before.end() ? nullptr : &earlier->second);
  };
  std::map<std::string, GuardedPath> common;
  for (const std::string& path : protected_directories()) {
    // .git/hooks belongs to its repository's state.
    if (path != ".git/hooks") look(bound, common_, common, path);
  }
  for (const std::string& path : protected_files()) look(compared, common_, common, path);

  std::map<std::string, RepositoryState> repositories;
  std::map<std::string, GuardedPath> named;
  for (const std::string& path : options_.additional) look(compared, named_, named, path);
  for (const std::string& path : scan_.found()) {
    const auto earlier = repositories_.find(path);
    const RepositoryState& state = repositories[path] = look_at_repository(
        bound, path, earlier == repositories_.end() ? nullptr : &earlier->second);
    for (const std::string& name : named_by_settings(compared, state)) {
      if (named.count(name) == 0) look(compared, named_, named, name);
    }
  }
  common_ = std::move(common);
  named_ = std::move(named);
  repositories_ = std::move(repositories);
}

std::vector<HostCodeFinding> ProtectedPaths::settle() {
  std::vector<HostCodeFinding> findings;
  const Workplace bound = workplace_of(workspace_, directory_.get(), options_.bind);
  const Workplace compared = workplace_of(workspace_, directory_.get(), DirectoryBind::kNone);
  for (const auto& [path, before] : common_) settle_guarded(bound, path, before, "", findings);
  for (const auto& [path, before] : named_) settle_guarded(compared, path, before, "", findings);
  for (const RepositoryScan::Gap& gap : scan_.refresh()) {
    findings.push_back({gap.path.empty() ? "." : gap.path, "may hold a repository",
                        HostCodeFinding::Outcome::kNotExamined, "", gap.why});
  }
  settle_repositories(findings);
  return findings;
}

void ProtectedPaths::settle_repositories(std::vector<HostCodeFinding>& findings) {
  const Workplace workplace = workplace_of(workspace_, directory_.get(), options_.bind);
  std::map<Object, const RepositoryState*> by_object;
  for (const auto& [path, state] : repositories_) {
    if (state.is_directory()) by_object[object_of(state.self)] = &state;
  }
  std::map<std::string, RepositoryState> accepted;
  for (const std::string& path : scan_.found()) {
    KnownRepository known;
    if (const auto here = repositories_.find(path); here != repositories_.end()) {
      known.here = &here->second;
    }
    const RepositoryState now = look_at_repository(workplace, path, known.here);
    if (const auto same = by_object.find(object_of(now.self));
        now.is_directory() && same != by_object.end() && same->second != known.here) {
      known.elsewhere = same->second;
    }
    const std::size_t before = findings.size();
    RepositoryState left = settle_repository(workplace, path, known, scan_.found(), findings);
    // What is accepted is what a later change is compared with, and restored to.
    if (findings.size() == before) accepted[path] = std::move(left);
  }
  for (auto& [path, state] : accepted) repositories_[path] = std::move(state);
}

}  // namespace mayfly::sandbox
