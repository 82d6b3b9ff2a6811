#include "sandbox/linux/input_feed.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/sys.h"
#include "catch_shim.h"
#include "sandbox/engine.h"
#include "sandbox/linux/terminal.h"

namespace mayfly::sandbox {
namespace {

using Sink = InputFeed::Sink;
using State = InputFeed::State;

struct Pipe {
  Pipe() {
    // As the engine's loop has it.
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
    sys::Pipe made = sys::pipe(O_NONBLOCK).value();
    read = std::move(made.read);
    write = std::move(made.write);
  }
  // All that is in it.
  std::string take() const {
    std::string all;
    char buffer[1 << 16];
    for (ssize_t got = 0; (got = ::read(read.get(), buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }
  OwnedFd read;
  OwnedFd write;
};

ErrorCode refusal(const Status& status) {
  REQUIRE_FALSE(status.has_value());
  return status.error().code;
}

}  // namespace

TEST_CASE("what is added is written in its order, after what there was at first") {
  const Pipe pipe;
  InputFeed feed(Sink::kPipe, "one ");
  REQUIRE(feed.add("two ").has_value());
  REQUIRE(feed.write_to(pipe.write.get()) == State::kIdle);
  REQUIRE(feed.add("three").has_value());
  REQUIRE(feed.write_to(pipe.write.get()) == State::kIdle);
  REQUIRE(pipe.take() == "one two three");
}

TEST_CASE("a pipe is let go of only when it was closed and nothing waits") {
  const Pipe pipe;
  InputFeed feed(Sink::kPipe, std::string(200'000, 'x'));
  REQUIRE(feed.close().has_value());
  std::string read;
  State state = feed.write_to(pipe.write.get());
  while (state == State::kBlocked) {
    read += pipe.take();
    state = feed.write_to(pipe.write.get());
  }
  REQUIRE(state == State::kDone);
  REQUIRE(read + pipe.take() == std::string(200'000, 'x'));
}

TEST_CASE("a program that does not read makes the feed refuse, and not forget") {
  const Pipe pipe;
  InputFeed feed(Sink::kPipe, "");
  REQUIRE(feed.add(std::string(kMostPendingInput, 'a')).has_value());
  REQUIRE(refusal(feed.add("b")) == ErrorCode::kBusy);
  // The pipe takes some; then it takes no more.
  std::size_t before = 0;
  while (before != feed.waiting()) {
    before = feed.waiting();
    REQUIRE(feed.write_to(pipe.write.get()) == State::kBlocked);
  }
  const std::size_t room = kMostPendingInput - before;
  REQUIRE(room > 0);
  const auto more = feed.add(std::string(room + 1, 'b'));
  REQUIRE(refusal(more) == ErrorCode::kBusy);
  REQUIRE(more.error().message.find(std::to_string(feed.waiting())) != std::string::npos);
  REQUIRE(feed.add(std::string(room, 'b')).has_value());
}

TEST_CASE("what a call starts with counts, and may be more than can be added") {
  InputFeed feed(Sink::kPipe, std::string(2 * kMostPendingInput, 'x'));
  REQUIRE(feed.waiting() == 2 * kMostPendingInput);
  REQUIRE(refusal(feed.add("y")) == ErrorCode::kBusy);
  REQUIRE(feed.add("").has_value());
}

TEST_CASE("one piece that is larger than all that may wait is refused, with the way to send it") {
  InputFeed feed(Sink::kPipe, "");
  const auto added = feed.add(std::string(kMostPendingInput + 1, 'x'));
  REQUIRE(refusal(added) == ErrorCode::kBusy);
  REQUIRE(added.error().remedy.find("in parts") != std::string::npos);
  REQUIRE(feed.waiting() == 0);
}

TEST_CASE("a program that closed its input is noticed without anything to write") {
  Pipe pipe;
  InputFeed feed(Sink::kPipe, "");
  REQUIRE(feed.write_to(pipe.write.get()) == State::kIdle);
  pipe.read.reset();
  REQUIRE(feed.write_to(pipe.write.get()) == State::kDone);
  const auto added = feed.add("x");
  REQUIRE(refusal(added) == ErrorCode::kInvalidArgument);
  REQUIRE(added.error().message.find("the program has closed") != std::string::npos);
}

TEST_CASE("after close and after the end of the call nothing is taken") {
  InputFeed feed(Sink::kPipe, "");
  REQUIRE(feed.close().has_value());
  REQUIRE(refusal(feed.add("x")) == ErrorCode::kInvalidArgument);
  REQUIRE(refusal(feed.close()) == ErrorCode::kInvalidArgument);
  InputFeed other(Sink::kPipe, "left over");
  other.end();
  REQUIRE(refusal(other.add("x")) == ErrorCode::kInvalidArgument);
  REQUIRE(other.waiting() == 0);
}

TEST_CASE("the loop is told once until it has looked") {
  const Pipe pipe;
  InputFeed feed(Sink::kPipe, "");
  REQUIRE(feed.claim_wake());
  REQUIRE_FALSE(feed.claim_wake());
  (void)feed.write_to(pipe.write.get());
  REQUIRE(feed.claim_wake());
}

TEST_CASE("closing a terminal sends its end-of-file character, twice after half a line") {
  const auto closed = [](const char* first) {
    const Pipe pipe;
    InputFeed feed(Sink::kTerminal, first);
    REQUIRE(feed.close().has_value());
    // What was typed is echoed until the program ends.
    REQUIRE(feed.write_to(pipe.write.get()) == State::kIdle);
    return pipe.take();
  };
  REQUIRE(closed("") == "\4");
  REQUIRE(closed("a line\n") == "a line\n\4");
  REQUIRE(closed("half") == "half\4\4");
}

TEST_CASE("a terminal's two ends carry what is written, and have the size that was asked for") {
  const auto opened = open_terminal("/dev/ptmx", {.columns = 77, .rows = 11});
  if (!opened) return;  // a container may have none
  OwnedFd streams[3];
  REQUIRE(use_as_streams(*opened, streams).has_value());
  for (const OwnedFd& stream : streams) REQUIRE(::isatty(stream.get()) == 1);
  InputFeed feed(Sink::kTerminal, "typed\n");
  REQUIRE(feed.write_to(opened->master.get()) == State::kIdle);
  char line[16] = {};
  REQUIRE(::read(streams[0].get(), line, sizeof line) == 6);
  REQUIRE(std::string(line) == "typed\n");
}

}  // namespace mayfly::sandbox
