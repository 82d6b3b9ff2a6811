#include "sandbox/linux/capability_verdict.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/id_view.h"
#include "sandbox/linux/program_memory.h"
#include "sandbox/linux/syscall_text.h"

namespace mayfly::sandbox {
namespace {

using Of = IdView::Of;
constexpr std::uint32_t kKeep = ~0U;  // "leave this id as it is"
// What stat(2) says of files whose owner has no id in here (/proc/sys/kernel/overflowuid).
constexpr std::uint32_t kSomebody = 65534;

CallVerdict lacks(const seccomp_notif& request, const std::string& target, int error) {
  Finding finding;
  finding.kind = ViolationKind::kCapability;
  finding.rule = BrokenRule::kCapabilities;
  finding.operation = describe_call(request.data).operation;
  finding.target = target;
  finding.error = error;
  return {error, std::move(finding)};
}

std::uint32_t id_of(const seccomp_notif& request, unsigned argument) {
  return static_cast<std::uint32_t>(request.data.args[argument]);
}

// --- chown(2) -----------------------------------------------------------------------------------

struct Chown {
  int directory = AT_FDCWD;
  std::optional<std::uint64_t> path;  // or the descriptor `directory` itself
  bool follow = true;
  bool may_be_empty = false;
  std::uint32_t user = kKeep;
  std::uint32_t group = kKeep;
};

Chown chown_of(const seccomp_notif& request) {
  const auto& args = request.data.args;
  switch (request.data.nr) {
    case SYS_fchown:
      return {static_cast<int>(args[0]), {}, true, false, id_of(request, 1), id_of(request, 2)};
    case SYS_fchownat:
      return {
          static_cast<int>(args[0]),      args[1],           (args[4] & AT_SYMLINK_NOFOLLOW) == 0,
          (args[4] & AT_EMPTY_PATH) != 0, id_of(request, 2), id_of(request, 3)};
    default:
      return {AT_FDCWD, args[0],           request.data.nr != SYS_lchown,
              false,    id_of(request, 1), id_of(request, 2)};
  }
}

// fchown(2) of a descriptor that is only a handle is EBADF.
bool is_handle(const std::string& proc, int fd) {
  const auto file = sys::open(proc + "/fdinfo/" + std::to_string(fd), O_RDONLY);
  if (!file) return true;
  const auto text = sys::read_file(file->get(), 64 * 1024);
  const std::size_t at = text ? text->find("flags:") : std::string::npos;
  if (at == std::string::npos) return true;
  constexpr std::size_t kKey = std::char_traits<char>::length("flags:");
  return (std::strtoull(text->c_str() + at + kKey, nullptr, 8) & O_PATH) != 0;
}

struct Meant {
  OwnedFd file;
  std::string path;  // absolute, as the program meant it
};

// The file that the thread means; an error is what the kernel will say by itself.
Result<Meant> resolve(pid_t thread, const Chown& chown) {
  const std::string proc = "/proc/" + std::to_string(thread);
  const std::string base =
      chown.directory == AT_FDCWD ? proc + "/cwd" : proc + "/fd/" + std::to_string(chown.directory);
  Meant meant;
  std::string path;
  if (chown.path.has_value()) {
    const auto text = ProgramMemory(thread).text(*chown.path);
    if (!text.has_value()) return fail(system_error("read a path", EFAULT));
    if (text->empty() && !chown.may_be_empty) return fail(system_error("chown", ENOENT));
    path = *text;
  } else if (is_handle(proc, chown.directory)) {
    return fail(system_error("fchown", EBADF));
  }
  if (path.empty()) {
    meant.file = TRY(sys::open(base, O_PATH));
    meant.path = sys::readlink("/proc/self/fd/" + std::to_string(meant.file.get())).value_or("");
    return meant;
  }
  const OwnedFd from = path.front() == '/' ? OwnedFd() : TRY(sys::open(base, O_PATH | O_DIRECTORY));
  const std::uint64_t flags = chown.follow ? O_PATH : O_PATH | O_NOFOLLOW;
  meant.file =
      TRY(sys::openat2(from.valid() ? from.get() : AT_FDCWD, path, flags, RESOLVE_NO_MAGICLINKS));
  meant.path = std::move(path);
  if (from.valid()) {
    const std::string below =
        sys::readlink("/proc/self/fd/" + std::to_string(from.get())).value_or("");
    meant.path = (below == "/" ? "" : below) + "/" + meant.path;
  }
  return meant;
}

Finding read_only(const std::string& path) {
  Finding finding;
  finding.kind = ViolationKind::kFilesystem;
  finding.rule = BrokenRule::kReadOnly;
  finding.operation = "change";
  finding.target = text::one_line(path);
  finding.error = EROFS;
  return finding;
}

CallVerdict chown_verdict(const Listener& listener, const seccomp_notif& request) {
  const auto thread = static_cast<pid_t>(request.pid);
  constexpr std::uint32_t kFlags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  if (request.data.nr == SYS_fchownat && (id_of(request, 4) & ~kFlags) != 0) return {};
  const Chown chown = chown_of(request);
  const IdView users = IdView::of_thread(thread, Of::kUser);
  const IdView groups = IdView::of_thread(thread, Of::kGroup);
  const auto meant = resolve(thread, chown);
  if (!meant || !listener.still_asked(request.id)) return {};
  struct statvfs info {};
  if (::fstatvfs(meant->file.get(), &info) < 0) return {};
  // A read-only place answers before anybody looks at ids.
  if ((info.f_flag & ST_RDONLY) != 0) return {EROFS, read_only(meant->path)};
  const auto strange = [](const IdView& view, std::uint32_t id) {
    return id != kKeep && view.readable() && !view.maps(id);
  };
  const bool user = strange(users, chown.user);
  const bool group = strange(groups, chown.group);
  if (!user && !group) return {};
  if ((!user || chown.user == kSomebody) && (!group || chown.group == kSomebody)) return {};
  return lacks(request, "CAP_CHOWN " + text::one_line(meant->path), EINVAL);
}

// --- setuid(2) and the like ---------------------------------------------------------------------

enum class Among { kRealSaved, kRealEffective, kAny };

// 0: the id is one that the thread may take.
int refusal(const IdView& view, std::uint32_t id, Among among) {
  const bool own = view.is_real(id) || (among != Among::kRealEffective && view.is_saved(id)) ||
                   (among != Among::kRealSaved && view.is_effective(id));
  return own ? 0 : EPERM;
}

CallVerdict ids_verdict(const Listener& listener, const seccomp_notif& request, Of of,
                        std::initializer_list<std::pair<unsigned, Among>> arguments,
                        bool may_keep) {
  const IdView view = IdView::of_thread(static_cast<pid_t>(request.pid), of);
  if (!view.readable() || !listener.still_asked(request.id)) return {};
  const std::string capability = of == Of::kUser ? "CAP_SETUID" : "CAP_SETGID";
  const auto kept = [&](std::uint32_t id) { return may_keep && id == kKeep; };
  for (const auto& [argument, among] : arguments) {
    const std::uint32_t id = id_of(request, argument);
    if (!kept(id) && !view.maps(id)) {
      // No capability makes an id of 4294967295.
      return id == kKeep ? CallVerdict() : lacks(request, capability, EINVAL);
    }
  }
  for (const auto& [argument, among] : arguments) {
    const std::uint32_t id = id_of(request, argument);
    if (!kept(id) && refusal(view, id, among) != 0) return lacks(request, capability, EPERM);
  }
  return {};
}

// Whoever sets the groups that he has, or none, only gives something up.
CallVerdict groups_verdict(const Listener& listener, const seccomp_notif& request) {
  constexpr std::uint64_t kMost = 65536;
  const auto thread = static_cast<pid_t>(request.pid);
  const auto count = static_cast<std::uint32_t>(request.data.args[0]);
  if (count == 0 || count > kMost) return {};
  std::vector<gid_t> wanted(count);
  if (!ProgramMemory(thread).read(request.data.args[1], wanted.data(), count * sizeof(gid_t))) {
    return {};
  }
  const IdView view = IdView::of_thread(thread, Of::kGroup);
  if (!view.readable() || !listener.still_asked(request.id)) return {};
  const bool own = std::all_of(wanted.begin(), wanted.end(), [&](gid_t group) {
    return group == kSomebody || view.is_group(group);
  });
  return own ? CallVerdict() : lacks(request, "CAP_SETGID", EPERM);
}

// --- scheduling ---------------------------------------------------------------------------------

// Of the thread that is meant, if it is the asking one or named; 0 if it does not exist.
pid_t meant_thread(const seccomp_notif& request, std::uint64_t argument) {
  const auto number = static_cast<pid_t>(argument);
  return number == 0 ? static_cast<pid_t>(request.pid) : number;
}

bool is_realtime(int policy) {
  return policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
}

CallVerdict realtime_verdict(const Listener& listener, const seccomp_notif& request, int policy,
                             std::int64_t priority) {
  const bool valid = priority >= 1 && priority <= 99;
  if ((policy != SCHED_FIFO && policy != SCHED_RR) || !valid) return {};
  const pid_t thread = meant_thread(request, request.data.args[0]);
  // One that has such a policy may keep it.
  const int now = ::sched_getscheduler(thread);
  if (now < 0 || is_realtime(now & ~SCHED_RESET_ON_FORK)) return {};
  if (!listener.still_asked(request.id)) return {};
  return lacks(request, "CAP_SYS_NICE", EPERM);
}

CallVerdict setscheduler_verdict(const Listener& listener, const seccomp_notif& request) {
  int priority = 0;
  const bool read = ProgramMemory(static_cast<pid_t>(request.pid))
                        .read(request.data.args[2], &priority, sizeof priority);
  if (!read) return {};
  return realtime_verdict(listener, request,
                          static_cast<int>(request.data.args[1]) & ~SCHED_RESET_ON_FORK, priority);
}

CallVerdict setattr_verdict(const Listener& listener, const seccomp_notif& request) {
  // The beginning of struct sched_attr, in its first size (sched_setattr(2)).
  struct Attributes {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
  } wanted{};
  constexpr std::uint64_t kKnownFlags = 1;  // SCHED_FLAG_RESET_ON_FORK; others depend on the kernel
  const bool read = ProgramMemory(static_cast<pid_t>(request.pid))
                        .read(request.data.args[1], &wanted, sizeof wanted);
  if (!read || wanted.size < sizeof wanted || wanted.size > 4096) return {};
  if ((wanted.flags & ~kKnownFlags) != 0 || request.data.args[2] != 0) return {};
  return realtime_verdict(listener, request, static_cast<int>(wanted.policy), wanted.priority);
}

CallVerdict priority_verdict(const Listener& listener, const seccomp_notif& request) {
  if (static_cast<int>(request.data.args[0]) != PRIO_PROCESS) return {};
  const pid_t thread = meant_thread(request, request.data.args[1]);
  const int wanted = std::clamp(static_cast<int>(request.data.args[2]), -20, 19);
  errno = 0;
  const int now = ::getpriority(PRIO_PROCESS, static_cast<id_t>(thread));
  if (errno != 0 || wanted >= now || !listener.still_asked(request.id)) return {};
  return lacks(request, "CAP_SYS_NICE", EACCES);
}

CallVerdict ioprio_verdict(const seccomp_notif& request) {
  constexpr std::uint64_t kClassShift = 13;
  constexpr std::uint64_t kRealtime = 1;
  if ((request.data.args[2] & 0xffffffff) >> kClassShift != kRealtime) return {};
  return lacks(request, "CAP_SYS_NICE", EPERM);
}

// Only of itself, which is whom everybody sets limits of.
CallVerdict rlimit_verdict(const Listener& listener, const seccomp_notif& request,
                           std::uint64_t resource, std::uint64_t address) {
  const auto thread = static_cast<pid_t>(request.pid);
  struct rlimit wanted {};
  struct rlimit now {};
  if (address == 0 || !ProgramMemory(thread).read(address, &wanted, sizeof wanted)) return {};
  const auto which = static_cast<unsigned>(resource);
  if (which >= RLIM_NLIMITS || wanted.rlim_cur > wanted.rlim_max) return {};
  if (::syscall(SYS_prlimit64, thread, which, nullptr, &now) < 0) return {};
  if (wanted.rlim_max <= now.rlim_max || !listener.still_asked(request.id)) return {};
  return lacks(request, "CAP_SYS_RESOURCE", EPERM);
}

}  // namespace

CallVerdict capability_verdict(const Listener& listener, const seccomp_notif& request) {
  const auto ids = [&](Of of, std::initializer_list<std::pair<unsigned, Among>> arguments,
                       bool may_keep = true) {
    return ids_verdict(listener, request, of, arguments, may_keep);
  };
  const auto& args = request.data.args;
  switch (request.data.nr) {
#ifdef SYS_chown
    case SYS_chown:
    case SYS_lchown:
#endif
    case SYS_fchown:
    case SYS_fchownat:
      return chown_verdict(listener, request);
    case SYS_setuid:
      return ids(Of::kUser, {{0, Among::kRealSaved}}, false);
    case SYS_setgid:
      return ids(Of::kGroup, {{0, Among::kRealSaved}}, false);
    case SYS_setreuid:
      return ids(Of::kUser, {{0, Among::kRealEffective}, {1, Among::kAny}});
    case SYS_setregid:
      return ids(Of::kGroup, {{0, Among::kRealEffective}, {1, Among::kAny}});
    case SYS_setresuid:
      return ids(Of::kUser, {{0, Among::kAny}, {1, Among::kAny}, {2, Among::kAny}});
    case SYS_setresgid:
      return ids(Of::kGroup, {{0, Among::kAny}, {1, Among::kAny}, {2, Among::kAny}});
    case SYS_setgroups:
      return groups_verdict(listener, request);
    case SYS_sched_setscheduler:
      return setscheduler_verdict(listener, request);
    case SYS_sched_setattr:
      return setattr_verdict(listener, request);
    case SYS_setpriority:
      return priority_verdict(listener, request);
    case SYS_ioprio_set:
      return ioprio_verdict(request);
    case SYS_setrlimit:
      return rlimit_verdict(listener, request, args[0], args[1]);
    case SYS_prlimit64:
      if (static_cast<pid_t>(args[0]) != 0 && static_cast<std::uint32_t>(args[0]) != request.pid) {
        return {};
      }
      return rlimit_verdict(listener, request, args[1], args[2]);
    default:
      return {};
  }
}

}  // namespace mayfly::sandbox
