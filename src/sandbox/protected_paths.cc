#include "sandbox/protected_paths.h"

#include <fcntl.h>
#include <linux/openat2.h>

#include <algorithm>
#include <map>
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

ProtectedPaths::~ProtectedPaths() {
  if (!journal_ || running_ > 0) return;
  // Nothing of the user's files stays behind when nobody needs it.
  const auto turn = journal_->take_turn(std::chrono::milliseconds(0));
  if (!turn || !journal_->alone().value_or(false)) return;
  const auto state = journal_->look();
  if (state && *state == ProtectionJournal::State::kIdle) journal_->remove();
}

Result<std::unique_ptr<ProtectedPaths>> ProtectedPaths::open(const Workspace& workspace,
                                                             Options options) {
  OwnedFd directory = TRY(open_checked(workspace));
  std::unique_ptr<ProtectedPaths> paths(
      new ProtectedPaths(workspace, std::move(options), std::move(directory)));
  if (const std::string& root = paths->options_.state_root; !root.empty()) {
    paths->journal_ = TRY(ProtectionJournal::open(root, workspace, paths->directory_.get()));
  }
  return paths;
}

Workplace ProtectedPaths::place(DirectoryBind bind) const {
  return workplace_of(workspace_, directory_.get(), bind);
}

bool ProtectedPaths::is_excluded(const std::string& path) const {
  return std::find(options_.excluded.begin(), options_.excluded.end(), path) !=
         options_.excluded.end();
}

Status ProtectedPaths::call_started() {
  const std::lock_guard lock(mutex_);
  (void)TRY(open_checked(workspace_));
  if (running_ == 0) {
    if (journal_) {
      TRY_TO("start a call in " + workspace_.path, begin_recorded());
    } else {
      remember();
    }
  }
  ++running_;
  return {};
}

// Without the turn the workspace is repaired all the same: that can be done twice.
std::optional<ProtectionJournal::Turn> ProtectedPaths::try_turn() {
  if (!journal_) return std::nullopt;
  auto taken = journal_->take_turn(options_.patience);
  if (!taken) return std::nullopt;
  return *std::move(taken);
}

std::vector<HostCodeFinding> ProtectedPaths::check() {
  const std::lock_guard lock(mutex_);
  const std::optional<ProtectionJournal::Turn> turn = try_turn();
  if (turn && running_ > 0) load_replaced();
  std::vector<HostCodeFinding> findings = settle();
  // What could not be written stays as it was: only harmless changes are missing from it.
  if (turn && running_ > 0 && unwritten_) unwritten_ = !journal_->write(options_.bind, before_);
  return findings;
}

std::vector<HostCodeFinding> ProtectedPaths::call_ended() {
  const std::lock_guard lock(mutex_);
  const std::optional<ProtectionJournal::Turn> turn = try_turn();
  if (turn && running_ > 0) load_replaced();
  std::vector<HostCodeFinding> findings = settle();
  if (running_ > 0) {
    --running_;
    if (journal_) end_recorded(turn.has_value());
  }
  return findings;
}

Status ProtectedPaths::begin_recorded() {
  const ProtectionJournal::Turn turn = TRY(journal_->take_turn(options_.patience));
  auto begun = begin_in_turn(TRY(journal_->alone()));
  if (begun) begun = journal_->share();
  if (!begun) journal_->leave();
  return begun;
}

Status ProtectedPaths::begin_in_turn(bool alone) {
  using State = ProtectionJournal::State;
  const State state = TRY(journal_->look());
  if (state == State::kRunning) {
    // Of a server that is at work, or of one that died. The dead one's sandbox may outlive it for
    // a moment, so what it knew stays what this call is compared with, too.
    ProtectionRecord record = TRY(journal_->read());
    if (record.bind != options_.bind && !alone) {
      return fail(input_error(ErrorCode::kBusy, "workspace", workspace_.path,
                              "calls of the other tier (full, landlock) are running in it, which "
                              "protect its directories in another way",
                              "wait for them to end, or use the same --tier for both"));
    }
    before_ = std::move(record.snapshot);
    unwritten_ = false;
    if (alone) left_by_the_dead_ = settle(record.bind);
    if (record.bind != options_.bind) {
      // What it knew of directories is not what this call has to know of them.
      remember();
      unwritten_ = true;
    }
    add_missing();
    return unwritten_ ? journal_->write(options_.bind, before_) : Status();
  }
  if (!alone) {
    return fail(input_error(ErrorCode::kBusy, "workspace", workspace_.path,
                            "another server is at work in it, and what that one knew of its "
                            "protected paths has been deleted",
                            "wait for the other server's calls to end"));
  }
  remember();
  if (unwritten_ || journal_->replaced()) {
    TRY(journal_->write(options_.bind, before_));
    unwritten_ = false;
    return {};
  }
  return journal_->mark(State::kRunning);
}

// Another server has accepted something since: what plain git wrote.
void ProtectedPaths::load_replaced() {
  const auto state = journal_->look();
  if (!state || *state != ProtectionJournal::State::kRunning || !journal_->replaced()) return;
  auto record = journal_->read();
  if (!record || record->bind != options_.bind) return;
  before_ = std::move(record->snapshot);
  unwritten_ = false;
}

void ProtectedPaths::end_recorded(bool have_turn) {
  if (!have_turn) {
    // Then the record may stay behind as a dead server's, which errs on the safe side.
    if (running_ == 0) journal_->leave();
    return;
  }
  if (running_ == 0 && journal_->alone().value_or(false)) {
    // Idle before the lock is gone: a crash in between must not make it a dead server's.
    if (!journal_->mark(ProtectionJournal::State::kIdle)) journal_->remove();
  } else if (unwritten_) {
    unwritten_ = !journal_->write(options_.bind, before_);
  }
  if (running_ == 0) journal_->leave();
}

// No call is running: what is there now is the user's.
void ProtectedPaths::remember() {
  (void)scan_.refresh();  // a gap will be one again, and is reported, when the call has ended
  const Workplace bound = place(options_.bind);
  const Workplace compared = place(DirectoryBind::kNone);

  using Paths = std::map<std::string, GuardedPath>;
  const auto look = [](const Workplace& workplace, const Paths& before, Paths& now,
                       const std::string& path) {
    const auto earlier = before.find(path);
    now[path] = look_guarded(workplace, path, earlier == before.end() ? nullptr : &earlier->second);
  };
  ProtectionSnapshot now;
  for (const std::string& path : protected_directories()) {
    // .git/hooks belongs to its repository's state.
    if (path != ".git/hooks" && !is_excluded(path)) look(bound, before_.common, now.common, path);
  }
  for (const std::string& path : protected_files()) {
    if (!is_excluded(path)) look(compared, before_.common, now.common, path);
  }
  for (const std::string& path : options_.additional) {
    look(compared, before_.named, now.named, path);
  }
  for (const std::string& path : scan_.found()) {
    const auto earlier = before_.repositories.find(path);
    const RepositoryState& state = now.repositories[path] = look_at_repository(
        bound, path, earlier == before_.repositories.end() ? nullptr : &earlier->second);
    for (const std::string& name : named_by_settings(compared, state)) {
      if (now.named.count(name) == 0) look(compared, before_.named, now.named, name);
    }
  }
  if (!same(now, before_)) unwritten_ = true;
  before_ = std::move(now);
}

// Of what another server remembered: paths that only this one protects. They have been open to the
// other's sandbox, so that what is there now is all that can be known.
void ProtectedPaths::add_missing() {
  const auto add = [this](std::map<std::string, GuardedPath>& known, DirectoryBind bind,
                          const std::string& path) {
    if (known.count(path) > 0) return;
    known[path] = look_guarded(place(bind), path);
    unwritten_ = true;
  };
  for (const std::string& path : protected_directories()) {
    if (path != ".git/hooks" && !is_excluded(path)) add(before_.common, options_.bind, path);
  }
  for (const std::string& path : protected_files()) {
    if (!is_excluded(path)) add(before_.common, DirectoryBind::kNone, path);
  }
  for (const std::string& path : options_.additional) {
    add(before_.named, DirectoryBind::kNone, path);
  }
}

std::vector<HostCodeFinding> ProtectedPaths::settle(DirectoryBind bind) {
  std::vector<HostCodeFinding> findings = std::exchange(left_by_the_dead_, {});
  const Workplace bound = place(bind);
  const Workplace compared = place(DirectoryBind::kNone);
  for (const auto& [path, before] : before_.common) {
    // Another server may protect more than this one.
    if (!is_excluded(path)) settle_guarded(bound, path, before, "", findings);
  }
  for (const auto& [path, before] : before_.named) {
    settle_guarded(compared, path, before, "", findings);
  }
  for (const RepositoryScan::Gap& gap : scan_.refresh()) {
    findings.push_back({gap.path.empty() ? "." : gap.path, "may hold a repository",
                        HostCodeFinding::Outcome::kNotExamined, "", gap.why});
  }
  settle_repositories(bind, findings);
  return findings;
}

void ProtectedPaths::settle_repositories(DirectoryBind bind,
                                         std::vector<HostCodeFinding>& findings) {
  const Workplace workplace = place(bind);
  auto& repositories = before_.repositories;
  std::map<Object, const RepositoryState*> by_object;
  for (const auto& [path, state] : repositories) {
    if (state.is_directory()) by_object[object_of(state.self)] = &state;
  }
  std::map<std::string, RepositoryState> accepted;
  for (const std::string& path : scan_.found()) {
    KnownRepository known;
    if (const auto here = repositories.find(path); here != repositories.end()) {
      known.here = &here->second;
    }
    const RepositoryState now = look_at_repository(workplace, path, known.here);
    if (const auto same_one = by_object.find(object_of(now.self));
        now.is_directory() && same_one != by_object.end() && same_one->second != known.here) {
      known.elsewhere = same_one->second;
    }
    const std::size_t before = findings.size();
    RepositoryState left = settle_repository(workplace, path, known, scan_.found(), findings);
    // What is accepted is what a later change is compared with, and restored to.
    if (findings.size() != before) continue;
    if (known.here == nullptr || !same(*known.here, left)) unwritten_ = true;
    accepted[path] = std::move(left);
  }
  for (auto& [path, state] : accepted) repositories[path] = std::move(state);
}

}  // namespace mayfly::sandbox
