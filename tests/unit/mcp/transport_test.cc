#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <thread>

#include "fixture.h"
#include "mcp/transport/line_splitter.h"
#include "mcp/transport/stdio.h"

using namespace mayfly;
using namespace mayfly::mcp;
using namespace mayfly::mcp::test;

namespace {

struct Pipe {
  Pipe() {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    read_end.reset(fds[0]);
    write_end.reset(fds[1]);
  }
  OwnedFd read_end;
  OwnedFd write_end;
};

// Until the other end is closed, at most. Only this thread's SIGPIPE is blocked: the server must
// look after its own.
void write_all(int fd, std::string_view bytes) {
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string ping(int id) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":"ping"})" + "\n";
}

constexpr const char* kInitialize =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})"
    "\n";

std::string call(int id, const char* tool, const std::string& arguments = "{}") {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
         R"(,"method":"tools/call","params":{"name":")" + tool + R"(","arguments":)" + arguments +
         "}}\n";
}

// A server at the other end of two pipes.
struct Client {
  explicit Client(StdioOptions options = {}, ServerOptions server_options = {})
      : fixture(std::move(server_options)) {
    end = std::async(std::launch::async, [this, options] {
      return *serve_stdio(*fixture.server, std::move(to_server.read_end),
                          std::move(from_server.write_end), options);
    });
  }
  ~Client() {
    hang_up();
    from_server.read_end.reset();
    fixture.held.drop_all();
    if (end.valid()) end.wait();
  }

  void send(std::string_view bytes) { write_all(to_server.write_end.get(), bytes); }
  void hang_up() { to_server.write_end.reset(); }

  // The next line; empty at the end of the stream.
  std::string line() {
    while (true) {
      if (const auto at = buffered.find('\n'); at != std::string::npos) {
        std::string out = buffered.substr(0, at);
        buffered.erase(0, at + 1);
        return out;
      }
      char chunk[65536];
      const auto got = ::read(from_server.read_end.get(), chunk, sizeof chunk);
      if (got <= 0) return "";
      buffered.append(chunk, static_cast<std::size_t>(got));
    }
  }
  Json answer() { return Json::parse(line()); }

  Fixture fixture;
  Pipe to_server;
  Pipe from_server;
  std::string buffered;
  std::future<StdioEnd> end;
};

std::vector<std::string> lines_of(LineSplitter& splitter) {
  std::vector<std::string> lines;
  while (const auto line = splitter.next()) {
    lines.push_back(line->oversized ? "<oversized>" : std::string(line->text));
  }
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a stream is cut into lines wherever its pieces end") {
  LineSplitter splitter(10);
  splitter.feed("on");
  CHECK(lines_of(splitter).empty());
  splitter.feed("e\ntwo\r\n\n  \nthr");
  CHECK(lines_of(splitter) == Lines{"one", "two"});
  splitter.feed("ee");
  CHECK(lines_of(splitter).empty());
  CHECK(splitter.rest()->text == "three");
  CHECK_FALSE(splitter.rest());
}

TEST_CASE("a line over the limit is told once and thrown away as it comes in") {
  LineSplitter splitter(10);
  splitter.feed("0123456789\n");
  CHECK(lines_of(splitter) == Lines{"0123456789"});
  splitter.feed("0123456789a");
  CHECK(lines_of(splitter) == Lines{"<oversized>"});
  for (int i = 0; i < 100; ++i) {
    splitter.feed(std::string(1000, 'x'));
    CHECK(lines_of(splitter).empty());
  }
  splitter.feed("x\nnext\n");
  CHECK(lines_of(splitter) == Lines{"next"});
  splitter.feed("0123456789abc\nafter\n");
  CHECK(lines_of(splitter) == Lines{"<oversized>", "after"});
}

TEST_CASE("requests are answered in order over a pipe, and the end of input ends the server") {
  Client client;
  client.send(ping(1) + ping(2) + "garbage\n" + kInitialize);
  CHECK(client.answer().at("id") == 1);
  CHECK(client.answer().at("id") == 2);
  CHECK(code_of(client.answer()) == rpc::kParseError);
  CHECK(client.answer().at("id") == 0);
  client.send(call(3, "echo", R"({"text":"a\nb"})"));
  CHECK(client.answer().at("result").at("content").at(0).at("text") == R"({"text":"a\nb"})");
  client.hang_up();
  const StdioEnd end = client.end.get();
  CHECK(end.why == StdioEnd::Why::kEndOfInput);
  CHECK(end.unfinished_calls == 0);
  CHECK(end.flushed);
  CHECK(client.line().empty());
}

TEST_CASE("a last line without its end is still served") {
  Client client;
  const std::string line = ping(1);
  client.send(line.substr(0, line.size() - 1));
  client.hang_up();
  CHECK(client.answer().at("id") == 1);
}

TEST_CASE("an input that is at its end already ends the server quietly") {
  Client client;
  client.hang_up();
  CHECK(client.end.get().why == StdioEnd::Why::kEndOfInput);
  CHECK(client.line().empty());
}

TEST_CASE("a descriptor that is not open ends the server") {
  Fixture fixture;
  Pipe output;
  const auto end = serve_stdio(*fixture.server, OwnedFd(), std::move(output.write_end), {});
  REQUIRE(end);
  // poll(2) ignores a negative descriptor; the reader must not wait for ever.
  CHECK(end->why == StdioEnd::Why::kInputFailed);
}

TEST_CASE("a huge line is refused without being kept, and the next one is served") {
  StdioOptions options;
  options.max_line = 100'000;
  Client client(options);
  client.send(R"({"jsonrpc":"2.0","id":1,"method":")");
  const std::string junk(1'000'000, 'x');
  for (int i = 0; i < 30; ++i) client.send(junk);
  client.send("\n" + ping(2));
  CHECK(code_of(client.answer()) == rpc::kInvalidRequest);
  CHECK(client.answer().at("id") == 2);
}

TEST_CASE("a line of 10 MiB is a request like another") {
  Client client;
  std::thread writing([&client] {
    client.send(kInitialize + call(1, "echo", "{\"mode\":\"" + std::string(10 << 20, 'x') + "\"}") +
                ping(2));
  });
  CHECK(client.answer().at("id") == 0);
  std::string both = client.line() + client.line();
  CHECK_THAT(both, contains("E5001"));
  writing.join();
}

TEST_CASE("a running call does not keep pings waiting") {
  Client client;
  client.send(kInitialize + call(1, "hold") + ping(2));
  CHECK(client.answer().at("id") == 0);
  CHECK(client.answer().at("id") == 2);
  REQUIRE(client.fixture.held.wait_for(1));
  client.fixture.held.take().second(text_result("done"));
  CHECK(client.answer().at("id") == 1);
}

TEST_CASE("the end of input cancels what is in flight and waits for it to stop") {
  Client client;
  client.send(kInitialize + call(1, "hold"));
  REQUIRE(client.fixture.held.wait_for(1));
  auto held = client.fixture.held.take();
  Event told;
  held.first.cancel.on_cancel([&told] { told.set(); });
  client.hang_up();
  REQUIRE(told.wait());
  held.second(text_result("late"));
  CHECK(client.end.get().unfinished_calls == 0);
  CHECK(client.answer().at("id") == 0);
  CHECK(client.line().empty());
}

TEST_CASE("a handler that does not stop is reported when the grace time is over") {
  StdioOptions options;
  options.grace = milliseconds(1);
  Client client(options);
  client.send(kInitialize + call(1, "hold"));
  REQUIRE(client.fixture.held.wait_for(1));
  client.hang_up();
  CHECK(client.end.get().unfinished_calls == 1);
}

TEST_CASE("a stop descriptor ends the server while the input is open") {
  const OwnedFd stop(::eventfd(0, EFD_CLOEXEC));
  StdioOptions options;
  options.stop_fd = stop.get();
  Client client(options);
  client.send(ping(1));
  CHECK(client.answer().at("id") == 1);
  const std::uint64_t one = 1;
  REQUIRE(::write(stop.get(), &one, sizeof one) == sizeof one);
  CHECK(client.end.get().why == StdioEnd::Why::kStopped);
}

TEST_CASE("a peer that closed its reading end ends the server, without a signal") {
  Client client;
  client.from_server.read_end.reset();
  client.send(ping(1));
  CHECK(client.end.get().why == StdioEnd::Why::kOutputClosed);
}

TEST_CASE("a peer that does not read stops the reader, and is served in full when it reads") {
  StdioOptions options;
  options.outbox.pause = 10'000;
  Client client(options);
  constexpr int kPings = 20'000;
  // Fills both pipes and the queue: blocks until the test reads.
  std::thread writing([&client] {
    for (int i = 0; i < kPings; ++i) client.send(ping(i));
    client.hang_up();
  });
  int next = 0;
  while (next < kPings) {
    const std::string line = client.line();
    if (line.empty()) break;
    if (Json::parse(line).at("id") != next) break;
    ++next;
  }
  CHECK(next == kPings);
  writing.join();
  CHECK(client.end.get().flushed);
}

TEST_CASE("a peer that never reads and hangs up does not hold the server") {
  StdioOptions options;
  options.outbox.pause = 10'000;
  options.grace = milliseconds(1);
  Client client(options);
  // The one pipe takes all of this without a reader; the other has not the room for the answers.
  REQUIRE(::fcntl(client.from_server.read_end.get(), F_SETPIPE_SZ, 4096) == 4096);
  std::string pings;
  while (pings.size() < 60'000) pings += ping(1);
  client.send(pings);
  client.hang_up();
  const StdioEnd end = client.end.get();
  CHECK(end.why == StdioEnd::Why::kEndOfInput);
  CHECK_FALSE(end.flushed);
}

TEST_CASE("a stop is heard while the peer does not read") {
  const OwnedFd stop(::eventfd(0, EFD_CLOEXEC));
  StdioOptions options;
  options.stop_fd = stop.get();
  options.outbox.pause = 100;
  options.grace = milliseconds(1);
  Client client(options);
  std::thread writing([&client] {
    for (int i = 0; i < 20'000; ++i) client.send(ping(i));
  });
  CHECK_FALSE(client.line().empty());
  const std::uint64_t one = 1;
  REQUIRE(::write(stop.get(), &one, sizeof one) == sizeof one);
  CHECK(client.end.get().why == StdioEnd::Why::kStopped);
  writing.join();
}

// All lines, read after everything was sent.
static Lines read_late(Outbox& outbox, const OwnedFd& read_end) {
  std::string all;
  std::thread reading([&] {
    char chunk[4096];
    while (true) {
      const auto got = ::read(read_end.get(), chunk, sizeof chunk);
      if (got <= 0) return;
      all.append(chunk, static_cast<std::size_t>(got));
    }
  });
  CHECK(outbox.close(soon()));
  reading.join();
  LineSplitter splitter(1'000'000);
  splitter.feed(all);
  return lines_of(splitter);
}

TEST_CASE("of what a subscriber does not read, one message a resource waits and none is lost") {
  Pipe output;
  auto outbox = Outbox::open(std::move(output.write_end), {1'000, 200'000});
  REQUIRE(outbox);
  (*outbox)->send(result_message(*RequestId::from_json(1), {{"a", std::string(150'000, 'x')}}));
  CHECK((*outbox)->paused());
  for (int i = 0; i < 1'000'000; ++i) {
    for (const char* uri : {"note://1", "note://2"}) {
      Outgoing updated = {Outgoing::Kind::kNotification, uri, {}, 0};
      updated.once = uri;
      (*outbox)->send(std::move(updated));
    }
  }
  const Lines lines = read_late(**outbox, output.read_end);
  REQUIRE(lines.size() == 3);
  CHECK(lines[1] == "note://1");
  CHECK(lines[2] == "note://2");
}

TEST_CASE("a change after a message was taken to be written is told by another") {
  Pipe output;
  auto outbox = Outbox::open(std::move(output.write_end), {});
  REQUIRE(outbox);
  char chunk[64];
  for (int i = 0; i < 3; ++i) {
    Outgoing updated = {Outgoing::Kind::kNotification, "changed", {}, 0};
    updated.once = "note://1";
    (*outbox)->send(std::move(updated));
    CHECK(::read(output.read_end.get(), chunk, sizeof chunk) == 8);
  }
  CHECK((*outbox)->close(soon()));
}

TEST_CASE("answers that nobody reads become short errors, progress is dropped") {
  Pipe output;
  OutboxLimits limits{1'000, 200'000};
  auto outbox = Outbox::open(std::move(output.write_end), limits);
  REQUIRE(outbox);
  const auto id = *RequestId::from_json(1);
  const auto large = result_message(id, {{"a", std::string(150'000, 'x')}});
  (*outbox)->send(large);
  CHECK((*outbox)->paused());
  (*outbox)->send(notification_message("notifications/progress", Json::object()));
  (*outbox)->send(large);
  // Only now does anybody read.
  std::string all;
  std::thread reading([&] {
    char chunk[4096];
    while (true) {
      const auto got = ::read(output.read_end.get(), chunk, sizeof chunk);
      if (got <= 0) return;
      all.append(chunk, static_cast<std::size_t>(got));
    }
  });
  CHECK((*outbox)->close(soon()));
  reading.join();
  LineSplitter splitter(1'000'000);
  splitter.feed(all);
  const Lines lines = lines_of(splitter);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].size() > 150'000);
  CHECK(code_of(Json::parse(lines[1])) == rpc::kInternalError);
}

TEST_CASE("an outbox that is closed takes nothing and harms nobody") {
  Pipe output;
  auto outbox = Outbox::open(std::move(output.write_end), {});
  REQUIRE(outbox);
  CHECK((*outbox)->close(soon()));
  (*outbox)->send(notification_message("a", Json::object()));
  CHECK((*outbox)->close(soon()));
}

TEST_CASE("a socket serves as well as a pipe") {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  OwnedFd mine(fds[0]);
  OwnedFd theirs(fds[1]);
  Fixture fixture;
  auto end = std::async(std::launch::async, [&] {
    OwnedFd copy(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, 0));
    return *serve_stdio(*fixture.server, std::move(theirs), std::move(copy), {});
  });
  write_all(mine.get(), ping(1));
  char chunk[4096];
  const auto got = ::read(mine.get(), chunk, sizeof chunk);
  REQUIRE(got > 0);
  CHECK(Json::parse(std::string(chunk, static_cast<std::size_t>(got))).at("id") == 1);
  ::shutdown(mine.get(), SHUT_WR);
  CHECK(end.get().why == StdioEnd::Why::kEndOfInput);
}

TEST_CASE("ten thousand requests over a pipe are answered") {
  Client client;
  std::thread writing([&client] {
    client.send(kInitialize);
    for (int i = 1; i <= 10'000; ++i) client.send(call(i, "echo"));
  });
  int answers = 0;
  while (answers < 10'001 && !client.line().empty()) ++answers;
  CHECK(answers == 10'001);
  writing.join();
}
