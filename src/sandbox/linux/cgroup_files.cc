#include "sandbox/linux/cgroup_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/sys.h"
#include "sandbox/linux/cgroup_text.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxFile = 4U << 20;

std::string join(const std::string& group, const std::string& file) { return group + "/" + file; }

void kill_listed(const std::string& group) {
  for (const pid_t pid : processes_in(group)) {
    if (pid > 0 && pid != ::getpid()) ::kill(pid, SIGKILL);
  }
}

bool remove_tree(const std::string& group) {
  for (const std::string& name : groups_below(group)) remove_tree(join(group, name));
  return ::rmdir(group.c_str()) == 0 || errno == ENOENT;
}

std::string random_text() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) {
    number = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
  }
  char text[24];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

// Fails if a sweep was faster and took the new group for a dead server's: then it holds the lock,
// or the group is gone.
Result<OwnedFd> lock_directory(const std::string& path) {
  OwnedFd directory = TRY(sys::open(path, O_RDONLY | O_DIRECTORY));
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) < 0) {
    return fail(system_error("flock " + path, errno));
  }
  const auto named = TRY(sys::stat(path));
  const auto locked = TRY(sys::fstat(directory.get()));
  if (named.st_ino != locked.st_ino) return fail(system_error("flock " + path, ESTALE));
  return directory;
}

// v2 says when a group has become empty; v1 does not.
void wait_for_change(const std::string& group, TimePoint deadline) {
  constexpr milliseconds kPause(5);
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
  const int timeout = static_cast<int>(std::clamp(left, milliseconds(0), kPause).count());
  const OwnedFd events(::open(join(group, "cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  if (events.valid() && parse_keyed(reread(events.get()), "populated") == 0U) return;
  struct pollfd change {
    events.get(), POLLPRI, 0
  };
  ::poll(&change, 1, timeout);  // a negative descriptor is one without events
}

}  // namespace

std::optional<std::string> read_group_file(const std::string& group, const std::string& file) {
  const auto opened = sys::open(join(group, file), O_RDONLY);
  if (!opened) return std::nullopt;
  auto content = sys::read_file(opened->get(), kMaxFile);
  if (!content) return std::nullopt;
  return *std::move(content);
}

std::optional<std::uint64_t> read_group_number(const std::string& group, const std::string& file) {
  const auto text = read_group_file(group, file);
  return text ? parse_number(*text) : std::nullopt;
}

Status write_group_file(const std::string& group, const std::string& file, std::string_view text) {
  const std::string path = join(group, file);
  const OwnedFd opened = TRY(sys::open(path, O_WRONLY));
  // One write: the kernel takes each as a whole command.
  if (::write(opened.get(), text.data(), text.size()) < 0) {
    return fail(system_error("write " + std::string(text) + " to " + path, errno));
  }
  return {};
}

bool has_group_file(const std::string& group, const std::string& file) {
  return ::access(join(group, file).c_str(), F_OK) == 0;
}

std::string reread(int fd) {
  std::string content;
  char buffer[4096];
  while (content.size() < kMaxFile) {
    const ssize_t got = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(content.size()));
    if (got <= 0) break;
    content.append(buffer, static_cast<std::size_t>(got));
  }
  return content;
}

std::vector<std::string> groups_below(const std::string& group) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(group.c_str()), ::closedir);
  if (!dir) return names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.push_back(name);
  }
  return names;
}

std::vector<pid_t> processes_in(const std::string& group) {
  return parse_pids(read_group_file(group, "cgroup.procs").value_or(""));
}

Status move_into(const std::string& group, pid_t pid) {
  auto moved = write_group_file(group, "cgroup.procs", std::to_string(pid));
  if (!moved && moved.error().os_errno == ESRCH) return {};
  return moved;
}

Result<LockedGroup> make_locked_group(const std::string& parent, const std::string& prefix) {
  constexpr int kTries = 20;
  for (int attempt = 1;; ++attempt) {
    LockedGroup group{join(parent, prefix + random_text()), {}};
    TRY(sys::mkdir(group.path, 0755));
    auto locked = lock_directory(group.path);
    if (locked) {
      group.lock = std::move(*locked);
      return group;
    }
    ::rmdir(group.path.c_str());
    if (attempt == kTries) return fail(std::move(locked).error());
  }
}

void kill_group(const std::string& group) {
  if (write_group_file(group, "cgroup.kill", "1")) return;  // Linux 5.14, v2; all below too
  for (const std::string& name : groups_below(group)) kill_group(join(group, name));
  const bool v2 = has_group_file(group, "cgroup.freeze");
  const bool v1 = !v2 && has_group_file(group, "freezer.state");
  // What is frozen cannot fork away from the list.
  if (v2) (void)write_group_file(group, "cgroup.freeze", "1");
  if (v1) (void)write_group_file(group, "freezer.state", "FROZEN");
  kill_listed(group);
  if (v2) (void)write_group_file(group, "cgroup.freeze", "0");
  if (v1) (void)write_group_file(group, "freezer.state", "THAWED");
}

bool remove_group(const std::string& group, TimePoint deadline) {
  while (true) {
    if (remove_tree(group)) return true;
    kill_group(group);
    if (remove_tree(group)) return true;
    if (Clock::now() >= deadline) return false;
    wait_for_change(group, deadline);
  }
}

}  // namespace mayfly::sandbox
