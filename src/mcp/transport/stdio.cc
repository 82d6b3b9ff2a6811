#include "mcp/transport/stdio.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "mcp/session.h"
#include "mcp/transport/line_splitter.h"

namespace mayfly::mcp {
namespace {

class Reader {
 public:
  Reader(Session& session, std::shared_ptr<Outbox> outbox, OwnedFd input,
         const StdioOptions& options)
      : session_(session),
        outbox_(std::move(outbox)),
        input_(std::move(input)),
        options_(options),
        lines_(options.max_line) {}

  StdioEnd run() {
    std::array<char, std::size_t{64} << 10> chunk;
    // poll(2) passes over a negative descriptor, for ever.
    if (!input_.valid()) return input_failed(EBADF);
    while (true) {
      if (!wait_for_input()) return end_;
      const auto got = ::read(input_.get(), chunk.data(), chunk.size());
      if (got > 0) {
        lines_.feed({chunk.data(), static_cast<std::size_t>(got)});
        if (!receive_lines()) return end_;
      } else if (got == 0) {
        if (const auto last = lines_.rest()) receive(*last);
        return end_;
      } else if (errno != EINTR && errno != EAGAIN) {
        return input_failed(errno);
      }
    }
  }

 private:
  enum class Event { kInput, kChange, kEnd };

  StdioEnd input_failed(int number) {
    end_.why = StdioEnd::Why::kInputFailed;
    end_.os_errno = number;
    return end_;
  }

  // Waits for input, or with `paused` for the peer to read or to hang up.
  Event wait(bool paused) {
    pollfd fds[] = {{input_.get(), static_cast<short>(paused ? POLLRDHUP : POLLIN), 0},
                    {outbox_->changed().fd(), POLLIN, 0},
                    {options_.stop_fd, POLLIN, 0}};
    while (::poll(fds, std::size(fds), -1) < 0) {
      if (errno == EINTR) continue;
      input_failed(errno);
      return Event::kEnd;
    }
    if (fds[2].revents != 0) {
      end_.why = StdioEnd::Why::kStopped;
      return Event::kEnd;
    }
    if (fds[1].revents != 0) {
      outbox_->changed().clear();
      if (!outbox_->broken()) return Event::kChange;
      end_.why = StdioEnd::Why::kOutputClosed;
      return Event::kEnd;
    }
    return Event::kInput;
  }

  bool wait_for_input() {
    while (true) {
      const Event event = wait(false);
      if (event != Event::kChange) return event == Event::kInput;
    }
  }

  bool receive_lines() {
    while (const auto line = lines_.next()) {
      receive(*line);
      // A peer that hung up sends no more: what little is left is read to its end.
      while (outbox_->paused()) {
        const Event event = wait(true);
        if (event == Event::kEnd) return false;
        if (event == Event::kInput) break;
      }
    }
    return true;
  }

  void receive(const LineSplitter::Line& line) {
    if (line.oversized) return session_.refuse_oversized(options_.max_line, outbox_);
    session_.receive(line.text, outbox_);
  }

  Session& session_;
  const std::shared_ptr<Outbox> outbox_;
  const OwnedFd input_;
  const StdioOptions& options_;
  LineSplitter lines_;
  StdioEnd end_;
};

}  // namespace

Result<StdioEnd> serve_stdio(Server& server, OwnedFd input, OwnedFd output,
                             const StdioOptions& options) {
  auto outbox = TRY(Outbox::open(std::move(output), options.outbox));
  Session session(server, "local");
  session.subscriptions().send_through(outbox);
  StdioEnd end = Reader(session, outbox, std::move(input), options).run();
  if (end.why == StdioEnd::Why::kStopped) session.end_gracefully();
  session.withdraw_all();
  if (!session.drain(Clock::now() + options.grace)) {
    end.unfinished_calls = session.in_flight()->working();
  }
  end.flushed = outbox->close(Clock::now() + options.grace);
  return end;
}

}  // namespace mayfly::mcp
