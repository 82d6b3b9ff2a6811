#include "app/call_relay.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/sys.h"

namespace mayfly::app {
namespace {

constexpr std::size_t kChunk = 4096;  // PIPE_BUF: a pipe with room takes it without blocking
constexpr milliseconds kGrace{2'000};

void drain(int event) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event, &count, sizeof count);
}

}  // namespace

Result<std::shared_ptr<CallRelay>> CallRelay::make(Output output, int stop_fd) {
  return std::shared_ptr<CallRelay>(new CallRelay(output, stop_fd, TRY(sys::eventfd())));
}

sandbox::CallObserver CallRelay::observer() {
  const auto self = shared_from_this();
  return {.on_output = [self](int, const char*, std::size_t) { self->wake(); },
          .on_finish =
              [self](sandbox::Report report) {
                {
                  const std::lock_guard lock(self->mutex_);
                  self->report_ = std::move(report);
                }
                self->wake();
              }};
}

sandbox::Report CallRelay::follow(sandbox::Call& call) {
  while (true) {
    std::optional<sandbox::Report> ended;
    {
      const std::lock_guard lock(mutex_);
      ended = report_;
    }
    if (output_ == Output::kStream) {
      copy(ended ? ended->out : call.out(), out_, call);
      copy(ended ? ended->err : call.err(), err_, call);
    }
    if (ended) return *std::move(ended);
    wait(-1, call);
  }
}

void CallRelay::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void CallRelay::wait(int fd, sandbox::Call& call) {
  struct pollfd fds[] = {{fd, POLLOUT, 0}, {stop_fd_, POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  // While there is something to write, news can wait.
  const nfds_t count = fd < 0 ? 3 : 2;
  while (::poll(fds, count, -1) < 0 && errno == EINTR) {
  }
  if (fds[2].revents != 0) drain(wake_.get());
  if (fds[1].revents != 0) stop(call);
}

void CallRelay::stop(sandbox::Call& call) {
  drain(stop_fd_);
  if (++stops_ == 1) {
    call.terminate(kGrace);
    return;
  }
  call.cancel();
  out_.closed = err_.closed = true;
}

void CallRelay::copy(const std::shared_ptr<sandbox::OutputStream>& from, Stream& to,
                     sandbox::Call& call) {
  while (from && !to.closed && to.written < from->size()) {
    wait(to.fd, call);
    const std::string bytes = from->read(to.written, kChunk);
    if (sys::write_all(to.fd, bytes)) {
      to.written += bytes.size();
      continue;
    }
    // Nobody reads any more. A program of the shell's would be ended by SIGPIPE.
    to.closed = true;
    call.terminate(kGrace);
  }
}

}  // namespace mayfly::app
