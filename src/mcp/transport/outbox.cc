#include "mcp/transport/outbox.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <system_error>
#include <utility>

namespace mayfly::mcp {
namespace {

bool is_socket(int fd) {
  struct stat status = {};
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

Result<std::shared_ptr<Outbox>> Outbox::open(OwnedFd fd, OutboxLimits limits) {
  auto changed = TRY(EventFd::make());
  auto abort = TRY(EventFd::make());
  std::shared_ptr<Outbox> outbox(
      new Outbox(std::move(fd), limits, std::move(changed), std::move(abort)));
  try {
    outbox->thread_ = std::thread([self = outbox.get()] { self->run(); });
  } catch (const std::system_error& refused) {
    return fail(system_error("start the writer thread", refused.code().value()));
  }
  return outbox;
}

Outbox::Outbox(OwnedFd fd, OutboxLimits limits, EventFd changed, EventFd abort)
    : fd_(std::move(fd)),
      limits_(limits),
      changed_(std::move(changed)),
      abort_(std::move(abort)),
      is_socket_(is_socket(fd_.get())) {}

Outbox::~Outbox() { close(Clock::now()); }

void Outbox::send(Outgoing message) {
  const std::lock_guard lock(mutex_);
  if (closing_ || broken_) return;
  if (!message.once.empty()) {
    if (!waiting_once_.insert(message.once).second) return;
  } else if (message.kind == Outgoing::Kind::kNotification && bytes_ > limits_.pause) {
    return;
  }
  if (message.kind == Outgoing::Kind::kResult && bytes_ + message.text.size() > limits_.full) {
    message = error_message(
        message.id,
        {rpc::kInternalError, "the answer was dropped: too many answers wait to be read", {}});
  }
  message.text += '\n';
  bytes_ += message.text.size();
  queue_.push_back({std::move(message.text), std::move(message.once)});
  queued_.notify_one();
}

bool Outbox::paused() const {
  const std::lock_guard lock(mutex_);
  return bytes_ > limits_.pause && !broken_;
}

bool Outbox::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

bool Outbox::close(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  closing_ = true;
  queued_.notify_all();
  if (thread_.joinable()) {
    const bool flushed = ended_.wait_until(lock, deadline, [this] { return thread_ended_; });
    lock.unlock();
    if (!flushed) abort_.signal();
    thread_.join();
    lock.lock();
  }
  fd_.reset();
  return queue_.empty() && !broken_;
}

void Outbox::run() {
  // So that a peer that is gone shows as EPIPE. The signal goes to the thread that writes.
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);

  std::unique_lock lock(mutex_);
  while (true) {
    queued_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) break;
    const Line line = std::move(queue_.front());
    queue_.pop_front();
    // What changes from now on is news to whoever reads this line.
    waiting_once_.erase(line.once);
    lock.unlock();
    const bool written = write_line(line.text);
    lock.lock();
    const bool was_paused = bytes_ > limits_.pause;
    bytes_ -= line.text.size();
    if (!written) {
      broken_ = true;
      queue_.clear();
      waiting_once_.clear();
      bytes_ = 0;
    }
    if (!written || (was_paused && bytes_ <= limits_.pause)) changed_.signal();
    if (!written) break;
  }
  thread_ended_ = true;
  ended_.notify_all();
}

// In pieces that cannot block: a pipe that polls as writable has room for PIPE_BUF bytes. The
// descriptor is not made non-blocking, since that would change it for everyone who shares it.
bool Outbox::write_line(std::string_view line) {
  while (!line.empty()) {
    if (!wait_writable()) return false;
    const std::size_t piece =
        std::min<std::size_t>(line.size(), is_socket_ ? line.size() : PIPE_BUF);
    const auto written = is_socket_
                             ? ::send(fd_.get(), line.data(), piece, MSG_DONTWAIT | MSG_NOSIGNAL)
                             : ::write(fd_.get(), line.data(), piece);
    if (written >= 0) {
      line.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      return false;
    }
  }
  return true;
}

bool Outbox::wait_writable() const {
  while (true) {
    pollfd fds[] = {{fd_.get(), POLLOUT, 0}, {abort_.fd(), POLLIN, 0}};
    if (::poll(fds, std::size(fds), -1) < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    if (fds[1].revents != 0) return false;
    if (fds[0].revents != 0) return true;
  }
}

}  // namespace mayfly::mcp
