#include "sandbox/linux/port_relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <future>
#include <iterator>
#include <string>
#include <thread>

#include "catch_shim.h"
#include "sandbox/linux/loopback_sockets.h"

namespace mayfly::sandbox {
namespace {

constexpr std::uint64_t kCall = 7;
constexpr std::uint64_t kJob = 3;

// Blocking, on a port of the kernel's choice.
OwnedFd listener(std::uint16_t& port) {
  OwnedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  socklen_t size = sizeof address;
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(socket.get(), 128) == 0);
  REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return socket;
}

void block(const OwnedFd& socket) { ::fcntl(socket.get(), F_SETFL, 0); }

// A job's server and a call's port that leads to it, here in one network.
struct Bench {
  explicit Bench(PortRelay::Bounds bounds = {}) {
    server = listener(job_port);
    OwnedFd front = listener(port);
    ::fcntl(front.get(), F_SETFL, O_NONBLOCK);
    relay = std::make_unique<PortRelay>(
        [this](const PortRelay::Dial& dial) {
          ++dials;
          relay->dialed(dial.job, dial.question,
                        answers ? dial_loopback(job_port, dial.family) : OwnedFd());
        },
        bounds);
    REQUIRE(relay->add(kCall, std::move(front), 3000, {kJob, Family::kIpv4}));
  }
  OwnedFd connect() const {
    OwnedFd socket = dial_loopback(port, Family::kIpv4);
    block(socket);
    return socket;
  }
  OwnedFd accept() const {
    return OwnedFd(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  std::uint16_t job_port = 0;
  std::uint16_t port = 0;
  OwnedFd server;
  std::atomic<int> dials{0};
  std::atomic<bool> answers{true};
  std::unique_ptr<PortRelay> relay;
};

std::string read_all(const OwnedFd& socket) {
  std::string out;
  char buffer[65536];
  ssize_t got = 0;
  while ((got = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0) {
    out.append(buffer, static_cast<std::size_t>(got));
  }
  return got == 0 ? out : "error " + std::to_string(errno) + " after " + std::to_string(out.size());
}

bool send_all(const OwnedFd& socket, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t more = ::send(socket.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (more <= 0) return false;
    sent += static_cast<std::size_t>(more);
  }
  return true;
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 >> 3);
  return out;
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

// Whether the other end is gone, with an end of file or an error.
bool is_over(const OwnedFd& socket) {
  char byte = 0;
  return ::recv(socket.get(), &byte, 1, 0) <= 0;
}

}  // namespace

TEST_CASE("bytes go both ways, and the end of one way leaves the other open") {
  const Bench bench;
  const OwnedFd client = bench.connect();
  const OwnedFd served = bench.accept();
  REQUIRE(send_all(client, "question"));
  ::shutdown(client.get(), SHUT_WR);
  CHECK(read_all(served) == "question");
  REQUIRE(send_all(served, "answer"));
  ::shutdown(served.get(), SHUT_WR);
  CHECK(read_all(client) == "answer");
}

TEST_CASE("much more than any buffer holds arrives whole, both ways at once") {
  const Bench bench;
  const OwnedFd client = bench.connect();
  const OwnedFd served = bench.accept();
  const std::string there = pattern(20'000'001);
  const std::string back = pattern(15'000'003);
  const auto send = [](const OwnedFd& socket, const std::string& text) {
    const bool sent = send_all(socket, text);
    ::shutdown(socket.get(), SHUT_WR);
    return sent;
  };
  auto first = std::async(std::launch::async, [&] { return send(client, there); });
  auto second = std::async(std::launch::async, [&] { return send(served, back); });
  auto got_back = std::async(std::launch::async, [&] { return read_all(client); });
  CHECK(read_all(served) == there);
  CHECK(got_back.get() == back);
  CHECK(first.get());
  CHECK(second.get());
}

TEST_CASE("who does not read holds up its own connection and no other") {
  const Bench bench;
  const OwnedFd stuck = bench.connect();
  const OwnedFd stuck_served = bench.accept();
  ::fcntl(stuck.get(), F_SETFL, O_NONBLOCK);
  const std::string chunk(65536, 'x');
  std::size_t taken = 0;
  // Until nobody takes any more for a while: all buffers on the way are full.
  struct pollfd room {
    stuck.get(), POLLOUT, 0
  };
  while (::poll(&room, 1, 200) > 0) {
    const ssize_t sent = ::send(stuck.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL);
    if (sent > 0) taken += static_cast<std::size_t>(sent);
    REQUIRE(taken < 64U << 20);
  }
  for (int i = 0; i < 10; ++i) {
    const OwnedFd client = bench.connect();
    const OwnedFd served = bench.accept();
    REQUIRE(send_all(client, "x"));
    ::shutdown(client.get(), SHUT_WR);
    CHECK(read_all(served) == "x");
  }
  ::shutdown(stuck.get(), SHUT_WR);
  CHECK(read_all(stuck_served).size() == taken);
}

TEST_CASE("a broken connection is broken at the other end, too") {
  const Bench bench;
  for (const bool client_breaks : {true, false}) {
    OwnedFd client = bench.connect();
    OwnedFd served = bench.accept();
    const linger now{1, 0};
    OwnedFd& breaks = client_breaks ? client : served;
    const OwnedFd& hears = client_breaks ? served : client;
    ::setsockopt(breaks.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    breaks.reset();
    char byte = 0;
    CHECK(::recv(hears.get(), &byte, 1, 0) == -1);
    CHECK(errno == ECONNRESET);
  }
}

TEST_CASE("a connection that nobody answers is closed") {
  Bench bench;
  bench.answers = false;
  CHECK(is_over(bench.connect()));
  bench.answers = true;
  bench.server.reset();
  CHECK(is_over(bench.connect()));
}

TEST_CASE("only the job that was asked may answer, and only once") {
  std::promise<PortRelay::Dial> asked;
  PortRelay relay([&](const PortRelay::Dial& dial) { asked.set_value(dial); });
  std::uint16_t port = 0;
  std::uint16_t job_port = 0;
  OwnedFd front = listener(port);
  const OwnedFd server = listener(job_port);
  ::fcntl(front.get(), F_SETFL, O_NONBLOCK);
  REQUIRE(relay.add(kCall, std::move(front), 3000, {kJob, Family::kIpv6}));
  OwnedFd client = dial_loopback(port, Family::kIpv4);
  block(client);
  const PortRelay::Dial dial = asked.get_future().get();
  CHECK(dial.job == kJob);
  CHECK(dial.port == 3000);
  CHECK(dial.family == Family::kIpv6);
  const auto answer = [&](std::uint64_t job, std::uint64_t question) {
    relay.dialed(job, question, dial_loopback(job_port, Family::kIpv4));
    return OwnedFd(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  };
  CHECK(is_over(answer(kJob + 1, dial.question)));
  CHECK(is_over(answer(kJob, dial.question + 1)));
  const OwnedFd right = answer(kJob, dial.question);
  CHECK(is_over(answer(kJob, dial.question)));
  REQUIRE(send_all(right, "hello"));
  char text[5];
  CHECK(::recv(client.get(), text, sizeof text, MSG_WAITALL) == 5);
}

TEST_CASE("more connections than there may be are closed at once, and places come back") {
  PortRelay::Bounds bounds;
  bounds.connections_of_call = 3;
  const Bench bench(bounds);
  {
    std::vector<OwnedFd> clients;
    std::vector<OwnedFd> served;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(bench.connect());
      served.push_back(bench.accept());
    }
    CHECK(is_over(bench.connect()));
    REQUIRE(send_all(clients[0], "x"));
    char byte = 0;
    CHECK(::recv(served[0].get(), &byte, 1, 0) == 1);
    for (int i = 0; i < 3; ++i) {
      ::shutdown(clients[std::size_t(i)].get(), SHUT_WR);
      ::shutdown(served[std::size_t(i)].get(), SHUT_WR);
      CHECK(is_over(clients[std::size_t(i)]));
    }
  }
  // The relay has heard of the last end when it serves the next one.
  while (true) {
    const OwnedFd client = bench.connect();
    if (!send_all(client, "x")) continue;
    ::shutdown(client.get(), SHUT_WR);
    struct pollfd comes {
      bench.server.get(), POLLIN, 0
    };
    if (::poll(&comes, 1, 100) <= 0) continue;
    CHECK(read_all(bench.accept()) == "x");
    return;
  }
}

TEST_CASE("who connects too often waits, and is served afterwards") {
  PortRelay::Bounds bounds;
  bounds.new_in_second = 2;
  const Bench bench(bounds);
  for (int i = 0; i < 5; ++i) {
    const OwnedFd client = bench.connect();
    const OwnedFd served = bench.accept();
    REQUIRE(send_all(client, "x"));
    ::shutdown(client.get(), SHUT_WR);
    CHECK(read_all(served) == "x");
  }
  CHECK(bench.dials == 5);
}

TEST_CASE("what ends takes its connections and listeners along, and leaves nothing open") {
  for (const std::uint64_t ends : {kCall, kJob}) {
    const auto before = open_descriptors();
    {
      const Bench bench;
      const OwnedFd client = bench.connect();
      const OwnedFd served = bench.accept();
      char byte = 0;
      REQUIRE(send_all(client, "x"));
      REQUIRE(::recv(served.get(), &byte, 1, 0) == 1);  // all is connected
      const auto with_relay = open_descriptors();
      bench.relay->forget(ends + 1000);
      CHECK(open_descriptors() == with_relay);
      bench.relay->forget(ends);
      CHECK(open_descriptors() == with_relay - 3);  // a listener and both sockets
      CHECK(is_over(client));
      CHECK(is_over(served));
      const OwnedFd refused = dial_loopback(bench.port, Family::kIpv4);
      CHECK_FALSE(refused.valid());
    }
    CHECK(open_descriptors() == before);
  }
}

TEST_CASE("what a program wrote before its call ended still arrives") {
  const Bench bench;
  const OwnedFd client = bench.connect();
  OwnedFd served = bench.accept();
  REQUIRE(send_all(client, "q"));
  char byte = 0;
  REQUIRE(::recv(served.get(), &byte, 1, 0) == 1);  // all is connected
  const std::string last = pattern(100'000);
  REQUIRE(send_all(served, last));
  served.reset();
  bench.relay->forget(kJob);
  CHECK(read_all(client) == last);
}

TEST_CASE("what the server takes from an init is a listener or a stream of another network") {
  std::uint16_t port = 0;
  const OwnedFd own = listener(port);
  CHECK(port_listened_on(own.get()) == port);
  CHECK_FALSE(is_of_sandbox(own.get()));
  const OwnedFd connected = dial_loopback(port, Family::kIpv4);
  CHECK(connected.valid());
  CHECK(port_listened_on(connected.get()) == 0);
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const OwnedFd first(pair[0]);
  const OwnedFd second(pair[1]);
  CHECK_FALSE(is_of_sandbox(first.get()));
  const OwnedFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK_FALSE(is_of_sandbox(file.get()));
  CHECK(port_listened_on(file.get()) == 0);
}

TEST_CASE("a port that somebody has cannot be listened on") {
  std::uint16_t port = 0;
  const OwnedFd own = listener(port);
  const auto taken = listen_on_loopback({port});
  REQUIRE_FALSE(taken.has_value());
  CHECK_THAT(taken.error().message, test::contains("127.0.0.1:" + std::to_string(port)));
}

}  // namespace mayfly::sandbox
