#include "sandbox/repository_state.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "sandbox/repository_scan.h"

namespace mayfly::sandbox {
namespace {

using beneath::Entry;
using beneath::join;
using Kind = beneath::Entry::Kind;

constexpr const char* kRebaseDirectory = "rebase-merge";
constexpr const char* kRebaseTodo = "git-rebase-todo";

// Only the hooks of the workspace's own repository are behind a bind.
Workplace for_hooks_of(Workplace workplace, const std::string& path) {
  if (path != ".git") workplace.bind = DirectoryBind::kNone;
  return workplace;
}

std::string trimmed(const std::string& text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) return "";
  return text.substr(start, text.find_last_not_of(" \t\r\n") + 1 - start);
}

// Where `pointer`, written in the directory `from`, leads to inside the workspace, by text; nothing
// if it leads out of it or if ".." comes after a name (which a link could bend).
std::optional<std::string> inside(const Workplace& workplace, const std::string& from,
                                  const std::string& pointer) {
  std::string relative = pointer;
  std::string base = from;
  if (!pointer.empty() && pointer.front() == '/') {
    const std::string root = workplace.path + "/";
    if (pointer.compare(0, root.size(), root) != 0) return std::nullopt;
    relative = pointer.substr(root.size());
    base.clear();
  }
  bool named = false;
  for (const std::string& part : text::split(relative, '/')) {
    if (part == ".." && named) return std::nullopt;
    if (part != ".." && part != "." && !part.empty()) named = true;
  }
  auto path = beneath::normal(join(base, relative));
  if (!path) return std::nullopt;
  return *std::move(path);
}

bool crosses_link(const Workplace& workplace, const std::string& path) {
  const auto opened = beneath::open(workplace.directory, path, O_PATH);
  return !opened && opened.error().os_errno != ENOENT && opened.error().os_errno != ENOTDIR;
}

std::vector<GitConfigEntry> entries_of(const Entry& file) {
  if (!file.content_known) return {};
  return parse_git_config(file.content).value_or(std::vector<GitConfigEntry>{});
}

// Keys whose value means something else when the repository is at another path.
bool depends_on_path(const GitConfigEntry& entry) {
  return entry.key == "core.hookspath" || entry.key == "core.worktree" ||
         entry.key.rfind("include", 0) == 0;
}

std::vector<GitConfigEntry> settings_before(const KnownRepository& known) {
  std::vector<GitConfigEntry> entries;
  if (known.here != nullptr) entries = known.here->settings();
  if (known.elsewhere != nullptr) {
    for (GitConfigEntry& entry : known.elsewhere->settings()) {
      if (!depends_on_path(entry)) entries.push_back(std::move(entry));
    }
  }
  return entries;
}

// git gives each submodule the path of its files: "../../../sub" in .git/modules/sub/config.
bool is_submodule_worktree(const Workplace& workplace, const std::string& repository,
                           const GitConfigEntry& entry) {
  if (entry.key != "core.worktree" || repository.find("/modules/") == std::string::npos) {
    return false;
  }
  if (entry.value.empty() || entry.value.front() == '/') return false;
  const auto target = inside(workplace, repository, entry.value);
  return target && !target->empty() && !crosses_link(workplace, *target);
}

// Where git starts relative URLs from: the top of the work tree, or the git directory of a bare
// repository. Linked work trees elsewhere are not known here.
std::string work_tree_of(const Workplace& workplace, const std::string& repository,
                         const std::vector<GitConfigEntry>& entries) {
  std::string tree = is_dot_git(repository) ? beneath::parent_of(repository) : repository;
  for (const GitConfigEntry& entry : entries) {
    if (is_submodule_worktree(workplace, repository, entry)) {
      tree = inside(workplace, repository, entry.value).value_or(tree);
    }
  }
  return tree.empty() ? workplace.path : workplace.path + "/" + tree;
}

// Empty: everything in it may stay.
std::string objection_to_config(const Workplace& workplace, const std::string& repository,
                                const Entry& now, const std::vector<GitConfigEntry>& before) {
  if (now.kind != Kind::kFile || !now.content_known) return "is no readable file";
  const auto entries = parse_git_config(now.content);
  if (!entries) return "cannot be parsed (" + entries.error().message + ")";
  const std::string work_tree = work_tree_of(workplace, repository, *entries);
  std::vector<std::string> keys;
  for (const GitConfigEntry& entry : *entries) {
    if (classify(entry, workplace.path, work_tree) == GitKeyEffect::kHarmless) continue;
    if (std::find(before.begin(), before.end(), entry) != before.end()) continue;
    if (is_submodule_worktree(workplace, repository, entry)) continue;
    if (std::find(keys.begin(), keys.end(), entry.key) == keys.end()) keys.push_back(entry.key);
  }
  return keys.empty() ? "" : "sets " + text::join(keys, ", ");
}

class Settlement {
 public:
  Settlement(const Workplace& workplace, const std::string& path, const KnownRepository& known,
             const std::set<std::string>& repositories, std::vector<HostCodeFinding>& findings)
      : workplace_(workplace),
        path_(path),
        known_(known),
        repositories_(repositories),
        findings_(findings),
        now_(look_at_repository(workplace, path, known.here)) {}

  RepositoryState run() {
    const std::size_t findings = findings_.size();
    switch (now_.self.kind) {
      case Kind::kAbsent:
        return now_;
      case Kind::kFile:
        settle_pointer();
        break;
      case Kind::kDirectory:
        settle_directory();
        break;
      case Kind::kLink:
      case Kind::kOther:
        if (known_.here == nullptr || !now_.self.untouched_since(known_.here->self)) {
          undo(workplace_, path_, {}, now_.self.kind == Kind::kLink ? "is a new link" : "appeared",
               findings_);
        }
        break;
    }
    if (findings_.size() == findings) return now_;
    return look_at_repository(workplace_, path_, &now_);
  }

 private:
  // A file that says "gitdir: somewhere", as worktrees and submodules have.
  void settle_pointer() {
    const bool same = known_.here != nullptr && now_.self.equal_content(known_.here->self);
    std::string what;
    const std::string content = now_.self.content_known ? now_.self.content : "";
    if (content.rfind("gitdir:", 0) == 0) {
      const std::string pointer = trimmed(content.substr(7));
      const auto target = inside(workplace_, beneath::parent_of(path_), pointer);
      if (!target) {
        if (!same) what = "points out of the workspace";
      } else if (crosses_link(workplace_, *target)) {
        what = "points through a link";
      }
    } else if (!same) {
      what = "is no pointer to a git directory";
    }
    if (!what.empty()) undo(workplace_, path_, {}, what, findings_);
  }

  void settle_directory() {
    settle_hooks();
    settle_config("config", &RepositoryState::config);
    settle_config("config.worktree", &RepositoryState::worktree_config);
    settle_common_directory();
    settle_rebase();
  }

  void settle_hooks() {
    Workplace workplace = for_hooks_of(workplace_, path_);
    const std::string hooks = join(path_, "hooks");
    const RepositoryState* known = known_.here != nullptr ? known_.here : known_.elsewhere;
    GuardedPath before = known != nullptr ? known->hooks : GuardedPath{};
    if (now_.hooks.entry.kind == Kind::kDirectory && !now_.hooks.entry.same_object(before.entry)) {
      // A directory that git made from its template, or one that replaced the bound one: its files
      // are compared with those that were known, and none but samples may be new.
      if (before.entry.kind != Kind::kDirectory) before.tree = {};
      before.entry = now_.hooks.entry;
      workplace.bind = DirectoryBind::kNone;
    }
    settle_guarded(workplace, hooks, before, ".sample", findings_);
  }

  void settle_config(const char* name, Entry RepositoryState::*member) {
    const Entry& now = now_.*member;
    const Entry before = known_.here != nullptr ? known_.here->*member : Entry{};
    if (!now.exists() || now.equal_content(before) ||
        (before.exists() && now.untouched_since(before))) {
      return;
    }
    const std::string objection =
        objection_to_config(workplace_, path_, now, settings_before(known_));
    if (!objection.empty()) undo(workplace_, join(path_, name), before, objection, findings_);
  }

  // A git directory that takes configuration, hooks and objects from another one.
  void settle_common_directory() {
    const Entry& now = now_.common_directory;
    const Entry before = known_.here != nullptr ? known_.here->common_directory : Entry{};
    if (!now.exists() || now.equal_content(before)) return;
    std::optional<std::string> target;
    if (now.kind == Kind::kFile && now.content_known) {
      target = inside(workplace_, path_, trimmed(now.content));
    }
    if (target && repositories_.count(*target) > 0) return;
    undo(workplace_, join(path_, "commondir"), before,
         "takes hooks and configuration from a directory that is no repository here", findings_);
  }

  void settle_rebase() {
    const bool known = known_.here != nullptr;
    if (now_.rebase.kind == Kind::kLink &&
        !(known && now_.rebase.equal_content(known_.here->rebase))) {
      undo(workplace_, join(path_, kRebaseDirectory), {}, "is a new link", findings_);
      return;
    }
    const Entry& now = now_.rebase_todo;
    const Entry before = known_.here != nullptr ? known_.here->rebase_todo : Entry{};
    if (!now.exists() || now.equal_content(before)) return;
    bool runs = !now.content_known;
    for (const std::string& line : text::split(now.content, '\n')) {
      const std::string command = trimmed(line);
      runs = runs || command.rfind("exec", 0) == 0 || command.rfind("x ", 0) == 0 ||
             command.rfind("x\t", 0) == 0;
    }
    if (!runs) return;
    undo(workplace_, join(join(path_, kRebaseDirectory), kRebaseTodo), before,
         "makes `git rebase --continue` run a command", findings_);
  }

  const Workplace& workplace_;
  const std::string& path_;
  const KnownRepository& known_;
  const std::set<std::string>& repositories_;
  std::vector<HostCodeFinding>& findings_;
  RepositoryState now_;
};

}  // namespace

std::vector<GitConfigEntry> RepositoryState::settings() const {
  std::vector<GitConfigEntry> entries = entries_of(config);
  for (GitConfigEntry& entry : entries_of(worktree_config)) entries.push_back(std::move(entry));
  return entries;
}

RepositoryState look_at_repository(const Workplace& workplace, const std::string& path,
                                   const RepositoryState* earlier) {
  RepositoryState state;
  state.path = path;
  if (path.empty()) {  // the workspace itself is a bare repository
    state.self.kind = Kind::kDirectory;
    (void)fstat(workplace.directory, &state.self.info);
  } else {
    auto parent =
        beneath::open(workplace.directory, beneath::parent_of(path), O_PATH | O_DIRECTORY);
    if (!parent) return state;
    state.self = beneath::look(parent->get(), beneath::name_of(path),
                               earlier != nullptr ? &earlier->self : nullptr);
  }
  if (!state.is_directory()) return state;
  auto directory = beneath::open(workplace.directory, path, O_PATH | O_DIRECTORY);
  if (!directory) return state;
  const int fd = directory->get();
  const auto look = [&](const char* name, Entry RepositoryState::*member) {
    state.*member = beneath::look(fd, name, earlier != nullptr ? &(earlier->*member) : nullptr);
  };
  look("config", &RepositoryState::config);
  look("config.worktree", &RepositoryState::worktree_config);
  look("commondir", &RepositoryState::common_directory);
  look(kRebaseDirectory, &RepositoryState::rebase);
  if (auto rebase = beneath::open(fd, kRebaseDirectory, O_PATH | O_DIRECTORY)) {
    state.rebase_todo = beneath::look(rebase->get(), kRebaseTodo,
                                      earlier != nullptr ? &earlier->rebase_todo : nullptr);
  }
  state.hooks = look_guarded(for_hooks_of(workplace, path), join(path, "hooks"),
                             earlier != nullptr ? &earlier->hooks : nullptr);
  return state;
}

std::vector<std::string> named_by_settings(const Workplace& workplace,
                                           const RepositoryState& repository) {
  std::vector<std::string> paths;
  if (!repository.is_directory()) return paths;
  for (const GitConfigEntry& entry : repository.settings()) {
    const bool hooks = entry.key == "core.hookspath";
    const std::size_t last = entry.key.rfind('.');
    const bool included = entry.key.rfind("include", 0) == 0 && entry.key.substr(last) == ".path";
    if (!hooks && !included) continue;
    // Relative hooks start from the top of the working tree, includes from their own file.
    const std::string from = hooks ? beneath::parent_of(repository.path) : repository.path;
    if (const auto path = inside(workplace, from, entry.value); path && !path->empty()) {
      paths.push_back(*path);
    }
  }
  return paths;
}

RepositoryState settle_repository(const Workplace& workplace, const std::string& path,
                                  const KnownRepository& known,
                                  const std::set<std::string>& repositories,
                                  std::vector<HostCodeFinding>& findings) {
  return Settlement(workplace, path, known, repositories, findings).run();
}

}  // namespace mayfly::sandbox
