#include "sandbox/linux/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxProcFile = 64 * 1024;

std::string slurp(const std::string& path) {
  const auto file = sys::open(path, O_RDONLY);
  if (!file) return {};
  auto content = sys::read_file(file->get(), kMaxProcFile);
  return content ? std::move(*content) : std::string();
}

// proc_pid_stat(5). The name in the second field may hold anything, so fields count from its end.
std::optional<Descendant> look_at(pid_t pid) {
  const std::string stat = slurp("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(name_end + 1));
  std::vector<std::string> values;
  for (std::string value; values.size() < 20 && fields >> value;) values.push_back(value);
  if (values.size() < 20) return std::nullopt;
  const auto number = [&values](std::size_t field) {
    return std::strtoull(values[field - 3].c_str(), nullptr, 10);
  };
  Descendant process;
  process.pid = pid;
  // A main thread that has ended is a zombie too, while others go on; a dead process counts 1.
  process.zombie = (values[0] == "Z" || values[0] == "X") && number(20) <= 1;
  process.parent = static_cast<pid_t>(number(4));
  process.user_ticks = number(14);
  process.system_ticks = number(15);
  process.waited_user_ticks = number(16);
  process.waited_system_ticks = number(17);
  process.started = number(22);
  return process;
}

template <typename Visit>
void each_process(Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (proc == nullptr) return;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
    visit(static_cast<pid_t>(std::atoi(entry->d_name)));
  }
}

std::string children_file() {
  return "/proc/self/task/" + std::to_string(::getpid()) + "/children";
}

// Our children, which /proc may hide from us (hidepid, a program that is not dumpable).
std::vector<pid_t> own_children() {
  std::istringstream list(slurp(children_file()));
  std::vector<pid_t> children;
  for (pid_t pid = 0; list >> pid;) children.push_back(pid);
  return children;
}

// What is below us begins with a child of ours: without one there is no need to look at all of
// /proc. That the kernel lists children is optional (CONFIG_PROC_CHILDREN).
bool has_none(const std::set<pid_t>& spared) {
  if (::access(children_file().c_str(), R_OK) < 0) return false;
  const std::vector<pid_t> children = own_children();
  return std::all_of(children.begin(), children.end(),
                     [&spared](pid_t pid) { return spared.count(pid) > 0; });
}

void add(struct rusage& sum, const struct rusage& one) {
  const auto add_time = [](struct timeval& to, const struct timeval& what) {
    timeradd(&to, &what, &to);
  };
  add_time(sum.ru_utime, one.ru_utime);
  add_time(sum.ru_stime, one.ru_stime);
  sum.ru_maxrss = std::max(sum.ru_maxrss, one.ru_maxrss);
  sum.ru_minflt += one.ru_minflt;
  sum.ru_majflt += one.ru_majflt;
  sum.ru_inblock += one.ru_inblock;
  sum.ru_oublock += one.ru_oublock;
  sum.ru_nvcsw += one.ru_nvcsw;
  sum.ru_nivcsw += one.ru_nivcsw;
}

// Reaps what has ended of `processes`: of our children only these may be waited for.
void reap(const std::vector<Descendant>& processes, struct rusage& usage) {
  for (const Descendant& process : processes) {
    if (process.parent != ::getpid()) continue;
    struct rusage one {};
    if (::wait4(process.pid, nullptr, WNOHANG | __WALL, &one) > 0) add(usage, one);
  }
}

}  // namespace

std::vector<Descendant> descendants(const std::set<pid_t>& spared) {
  std::map<pid_t, std::vector<Descendant>> by_parent;
  std::set<pid_t> seen;
  each_process([&](pid_t pid) {
    if (const auto process = look_at(pid)) {
      by_parent[process->parent].push_back(*process);
      seen.insert(pid);
    }
  });
  const pid_t self = ::getpid();
  for (const pid_t child : own_children()) {
    if (seen.count(child) == 0) by_parent[self].push_back({child, self});
  }
  std::vector<Descendant> found;
  std::vector<pid_t> parents = {self};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const Descendant& process : by_parent[parent]) {
      if (spared.count(process.pid) > 0) continue;
      found.push_back(process);
      parents.push_back(process.pid);
    }
    by_parent.erase(parent);  // a list read while it changes may hold a circle
  }
  return found;
}

void signal_all(const std::vector<Descendant>& processes, int signal) {
  const pid_t self = ::getpid();
  for (const Descendant& process : processes) {
    if (process.zombie) continue;
    // Nobody else reaps a child of ours: its number is its own.
    if (process.parent == self) {
      ::kill(process.pid, signal);
      continue;
    }
    const auto pidfd = sys::pidfd_open(process.pid);
    if (!pidfd) continue;
    const auto now = look_at(process.pid);
    if (now && now->started == process.started) {
      (void)sys::pidfd_send_signal(pidfd->get(), signal);
    }
  }
}

// A killed process forks no more, and its number of processes counts until it is reaped: rounds of
// killing everything that a look finds overtake what forks, before the reaping makes room.
bool end_descendants(const std::set<pid_t>& spared, milliseconds patience, struct rusage& usage) {
  constexpr milliseconds kPause{1};
  const TimePoint until = Clock::now() + patience;
  while (true) {
    if (has_none(spared)) return true;
    const std::vector<Descendant> found = descendants(spared);
    if (found.empty()) return true;
    signal_all(found, SIGKILL);
    const bool all_dead = std::all_of(found.begin(), found.end(),
                                      [](const Descendant& process) { return process.zombie; });
    if (all_dead) reap(found, usage);
    if (Clock::now() >= until) return false;
    if (!all_dead) {
      const struct timespec pause { 0, std::chrono::nanoseconds(kPause).count() };
      ::nanosleep(&pause, nullptr);
    }
  }
}

std::uint64_t tasks_of_this_user() {
  std::uint64_t tasks = 0;
  each_process([&tasks](pid_t pid) {
    const std::string process = "/proc/" + std::to_string(pid);
    struct stat info {};
    // Of a process that is not dumpable the directory is root's, and it does count.
    if (::stat(process.c_str(), &info) < 0 || (info.st_uid != ::getuid() && info.st_uid != 0)) {
      return;
    }
    const std::string status = slurp(process + "/status");
    const std::size_t uid = status.find("\nUid:");
    const std::size_t threads = status.find("\nThreads:");
    if (uid == std::string::npos || threads == std::string::npos) return;
    if (std::strtoul(status.c_str() + uid + 5, nullptr, 10) != ::getuid()) return;
    tasks += std::strtoull(status.c_str() + threads + 9, nullptr, 10);
  });
  return tasks;
}

}  // namespace mayfly::sandbox
