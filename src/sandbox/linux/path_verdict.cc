#include "sandbox/linux/path_verdict.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "sandbox/linux/path_call.h"
#include "sandbox/linux/program_memory.h"
#include "sandbox/linux/program_path.h"
#include "sandbox/linux/routine_denials.h"
#include "sandbox/linux/tree_verdict.h"

namespace mayfly::sandbox {
namespace {

// Whether the paths of a thread begin where those of this process do.
bool has_our_root(pid_t thread) {
  char root[40];
  std::snprintf(root, sizeof root, "/proc/%d/root", thread);
  struct statx theirs {};
  struct statx ours {};
  constexpr unsigned kWanted = STATX_INO | STATX_MNT_ID;
  return ::statx(AT_FDCWD, root, 0, kWanted, &theirs) == 0 &&
         ::statx(AT_FDCWD, "/", 0, kWanted, &ours) == 0 && theirs.stx_ino == ours.stx_ino &&
         theirs.stx_mnt_id == ours.stx_mnt_id;
}

// By the name that it was given, and by what that leads to: a link can be called anything.
bool is_routine(Finding finding, const GivenPath& path, pid_t thread) {
  if (!is_routine_denial(finding)) return false;
  const Place place = ProgramPath(thread).parent(path);
  if (!place.directory.valid()) return false;
  finding.target = path_of(place.directory) + "/" + place.name;
  return is_routine_denial(finding);
}

}  // namespace

PathVerdicts::PathVerdicts(PathSurroundings surroundings)
    : surroundings_(std::move(surroundings)), host_rules_(surroundings_.landlock) {}

CallVerdict PathVerdicts::look(const Listener& listener, const seccomp_notif& request) {
  const auto thread = static_cast<pid_t>(request.pid);
  if (surroundings_.may_change_root && !has_our_root(thread)) return {};
  PathBuffers buffers;
  const auto call = understand(request.data, ProgramMemory(thread), buffers);
  if (!call.has_value()) return {};
  CallVerdict verdict = surroundings_.tier == Tier::kFull
                            ? tree_verdict(surroundings_, *call, thread, held_)
                            : outside_verdict(host_rules_, *call, thread);
  // What was read may have been another's, if the thread is gone. Then nobody waits for an answer.
  const bool says_something = verdict.error != 0 || verdict.finding.has_value();
  if (says_something && !listener.still_asked(request.id)) return {};
  if (verdict.finding.has_value() && is_routine(*verdict.finding, call->path, thread)) {
    verdict.finding.reset();
  }
  return verdict;
}

std::optional<Finding> PathVerdicts::refused_change(const Listener& listener,
                                                    const seccomp_notif& request) const {
  const auto thread = static_cast<pid_t>(request.pid);
  PathBuffers buffers;
  const auto call = understand(request.data, ProgramMemory(thread), buffers);
  if (!call.has_value() || call->wish != Wish::kChange) return std::nullopt;
  std::string target = ProgramPath(thread).absolute(call->path);
  if (target.empty() || !listener.still_asked(request.id)) return std::nullopt;
  return Finding{ViolationKind::kFilesystem, BrokenRule::kOutside, "change", std::move(target),
                 EPERM};
}

}  // namespace mayfly::sandbox
