#include "sandbox/linux/asking_thread.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

OwnedFd hold_thread(pid_t thread) {
  constexpr unsigned kPidfdThread = O_EXCL;
  return OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, thread, kPidfdThread)));
}

}  // namespace

std::string proc_file(const std::string& path) {
  constexpr std::size_t kMostBytes = 1 << 20;
  const auto file = sys::open(path, O_RDONLY);
  if (!file) return {};
  auto content = sys::read_file(file->get(), kMostBytes);
  return content ? std::move(*content) : std::string();
}

std::optional<std::uint64_t> proc_number(std::string_view text, std::string_view name) {
  std::size_t at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  at = text.find_first_not_of(" \t", at + name.size());
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

OwnedFd hold_process(pid_t thread) {
  OwnedFd held = hold_thread(thread);
  if (held.valid() || errno != EINVAL) return held;
  const std::string status = proc_file("/proc/" + std::to_string(thread) + "/status");
  const auto leader = proc_number(status, "\nTgid:");
  if (!leader.has_value()) return {};
  return OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(*leader), 0)));
}

OwnedFd duplicate_of(const OwnedFd& process, int fd) {
  return OwnedFd(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
}

OwnedFd HeldThread::duplicate(pid_t thread, int fd) {
  if (thread == thread_ && held_.valid()) {
    OwnedFd copy = duplicate_of(held_, fd);
    if (copy.valid() || errno != ESRCH) return copy;
  }
  held_ = hold_thread(thread);
  thread_ = thread;
  return held_.valid() ? duplicate_of(held_, fd) : OwnedFd();
}

std::optional<int> socket_option(const OwnedFd& socket, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket.get(), SOL_SOCKET, option, &value, &size) < 0) return std::nullopt;
  return value;
}

}  // namespace mayfly::sandbox
