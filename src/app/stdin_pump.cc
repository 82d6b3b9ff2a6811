#include "app/stdin_pump.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/sys.h"

namespace mayfly::app {
namespace {

constexpr int kBroken = POLLERR | POLLHUP | POLLNVAL;

// False: `fd` is broken, or we are asked to stop. `wanted` is POLLIN or POLLOUT.
bool wait_for(int fd, short wanted, int pipe, int stop) {
  struct pollfd fds[] = {{fd, wanted, 0}, {pipe, 0, 0}, {stop, POLLIN, 0}};
  while (::poll(fds, 3, -1) < 0) {
    if (errno != EINTR) return false;
  }
  if (fds[2].revents != 0 || (fds[1].revents & kBroken) != 0) return false;
  // End of file shows as POLLHUP: read(2) tells.
  return (fds[0].revents & (wanted | POLLHUP)) != 0;
}

bool write_whole(int pipe, std::string_view bytes, int stop) {
  while (!bytes.empty()) {
    if (!wait_for(pipe, POLLOUT, pipe, stop)) return false;
    const ssize_t written = ::write(pipe, bytes.data(), bytes.size());
    if (written < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void pump(const OwnedFd& pipe, int stop) {
  char buffer[64 * 1024];
  while (wait_for(STDIN_FILENO, POLLIN, pipe.get(), stop)) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return;
    if (!write_whole(pipe.get(), {buffer, static_cast<std::size_t>(got)}, stop)) return;
  }
}

}  // namespace

Result<StdinPump> StdinPump::start(OwnedFd& reader) {
  sys::Pipe pipe = TRY(sys::pipe());
  // Only our end: the program gets a pipe that blocks, as programs expect.
  if (::fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK) != 0) {
    return fail(system_error("fcntl O_NONBLOCK", errno));
  }
  OwnedFd stop = TRY(sys::eventfd());
  const int stop_fd = stop.get();
  reader = std::move(pipe.read);
  std::thread thread([writer = std::move(pipe.write), stop_fd] { pump(writer, stop_fd); });
  return StdinPump(std::move(stop), std::move(thread));
}

StdinPump::~StdinPump() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

}  // namespace mayfly::app
