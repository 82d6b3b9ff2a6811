#include "app/protocol_fds.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/sys.h"

namespace mayfly::app {
namespace {

constexpr int kFirstHighFd = 64;
constexpr std::size_t kPipeBuf = 4096;  // a writable pipe takes this much without blocking

Result<OwnedFd> move_up(int fd) {
  const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, kFirstHighFd);
  if (high < 0) return fail(system_error("dup fd " + std::to_string(fd), errno));
  return OwnedFd(high);
}

Status replace(int fd, int with) {
  if (::dup2(with, fd) < 0) return fail(system_error("dup2 to fd " + std::to_string(fd), errno));
  return {};
}

}  // namespace

Result<ProtocolFds> take_protocol_fds() {
  ProtocolFds fds{TRY(move_up(STDIN_FILENO)), TRY(move_up(STDOUT_FILENO))};
  const OwnedFd null = TRY(sys::open("/dev/null", O_RDWR));
  TRY(replace(STDIN_FILENO, null.get()));
  if (::fcntl(STDERR_FILENO, F_GETFD) < 0) TRY(replace(STDERR_FILENO, null.get()));
  TRY(replace(STDOUT_FILENO, STDERR_FILENO));
  return fds;
}

void log_line(const std::string& line) {
  struct pollfd err = {STDERR_FILENO, POLLOUT, 0};
  if (::poll(&err, 1, 0) != 1 || (err.revents & POLLOUT) == 0) return;
  const std::string text = "mayfly: " + line.substr(0, kPipeBuf - 16) + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace mayfly::app
