#include "sandbox/linux/input_feed.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/text.h"
#include "sandbox/engine.h"

namespace mayfly::sandbox {
namespace {

constexpr char kEndOfFile = 4;                // VEOF of a new terminal, Ctrl-D
constexpr std::size_t kMostAtOnce = 1 << 16;  // others are served in between

bool ends_line(char last) { return last == '\n' || last == '\r' || last == kEndOfFile; }

Error too_much(std::size_t waiting, std::size_t added) {
  Error error;
  error.code = ErrorCode::kBusy;
  error.message = std::to_string(waiting) +
                  " bytes of standard input wait to be read by the program, and with these " +
                  std::to_string(added) + " it would be more than " +
                  text::human_bytes(kMostPendingInput);
  error.remedy = added > kMostPendingInput
                     ? "Send it in parts, each when the program has read the one before"
                     : "Send it again when the program has read what waits, or end a program that "
                       "does not read";
  return error;
}

}  // namespace

InputFeed::InputFeed(Sink sink, std::string first) : sink_(sink), bytes_(std::move(first)) {
  if (!bytes_.empty()) line_ended_ = ends_line(bytes_.back());
}

Status InputFeed::check_open() const {
  switch (end_) {
    case End::kNone:
      return {};
    case End::kByProgram:
      return fail(input_error(ErrorCode::kInvalidArgument, "", "",
                              "the program has closed its standard input",
                              "Read what it printed; to feed it again, start it again"));
    case End::kClosed:
      return fail(input_error(ErrorCode::kInvalidArgument, "", "",
                              "the program's standard input was closed by an earlier request",
                              "Start the program again to feed it more"));
    case End::kWithCall:
      break;
  }
  return fail(input_not_open());
}

Status InputFeed::add(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  TRY(check_open());
  if (bytes.empty()) return {};
  const std::size_t waiting = bytes_.size() - written_;
  if (bytes.size() > kMostPendingInput || waiting > kMostPendingInput - bytes.size()) {
    return fail(too_much(waiting, bytes.size()));
  }
  bytes_ += bytes;
  line_ended_ = ends_line(bytes.back());
  return {};
}

Status InputFeed::close() {
  const std::lock_guard lock(mutex_);
  TRY(check_open());
  if (sink_ == Sink::kTerminal) bytes_.append(line_ended_ ? 1 : 2, kEndOfFile);
  end_ = End::kClosed;
  return {};
}

bool InputFeed::claim_wake() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(told_, true);
}

// Whoever reads a pipe last leaves an error on it, and who has a terminal last a hang-up.
InputFeed::State InputFeed::finish_by_program() {
  if (end_ == End::kNone) end_ = End::kByProgram;
  bytes_ = {};
  written_ = 0;
  return State::kDone;
}

InputFeed::State InputFeed::write_to(int fd) {
  const std::lock_guard lock(mutex_);
  told_ = false;
  if (end_ == End::kWithCall) return State::kDone;
  struct pollfd room {
    fd, POLLOUT, 0
  };
  if (::poll(&room, 1, 0) > 0 && (room.revents & (POLLERR | POLLHUP)) != 0) {
    return finish_by_program();
  }
  const std::size_t waiting = bytes_.size() - written_;
  if (waiting > 0) {
    const ssize_t took = ::write(fd, bytes_.data() + written_, std::min(waiting, kMostAtOnce));
    if (took < 0 && errno != EAGAIN && errno != EINTR) return finish_by_program();
    written_ += took > 0 ? static_cast<std::size_t>(took) : 0;
  }
  if (written_ < bytes_.size()) {
    // What is gone is moved out of the way when it is most of it, so that this stays cheap.
    if (written_ > bytes_.size() / 2) bytes_.erase(0, std::exchange(written_, 0));
    return State::kBlocked;
  }
  bytes_ = {};
  written_ = 0;
  // A terminal has had its character; letting go of it is for the end of the call.
  return end_ == End::kClosed && sink_ == Sink::kPipe ? State::kDone : State::kIdle;
}

void InputFeed::end() {
  const std::lock_guard lock(mutex_);
  end_ = End::kWithCall;
  bytes_ = {};
  written_ = 0;
}

std::size_t InputFeed::waiting() const {
  const std::lock_guard lock(mutex_);
  return bytes_.size() - written_;
}

}  // namespace mayfly::sandbox
