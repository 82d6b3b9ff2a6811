#include "sandbox/linux/asking_thread.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "base/sys.h"

namespace mayfly::sandbox {

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
  constexpr unsigned kPidfdThread = O_EXCL;
  OwnedFd held(static_cast<int>(syscall(SYS_pidfd_open, thread, kPidfdThread)));
  if (held.valid() || errno != EINVAL) return held;
  const std::string status = proc_file("/proc/" + std::to_string(thread) + "/status");
  const auto leader = proc_number(status, "\nTgid:");
  if (!leader.has_value()) return {};
  return OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(*leader), 0)));
}

OwnedFd duplicate_of(const OwnedFd& process, int fd) {
  return OwnedFd(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
}

bool copy_from_thread(pid_t thread, std::uint64_t address, void* into, std::size_t size) {
  iovec local{into, size};
  iovec remote{reinterpret_cast<void*>(address), size};  // NOLINT: the program's address
  return ::process_vm_readv(thread, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

std::optional<int> socket_option(const OwnedFd& socket, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket.get(), SOL_SOCKET, option, &value, &size) < 0) return std::nullopt;
  return value;
}

}  // namespace mayfly::sandbox
