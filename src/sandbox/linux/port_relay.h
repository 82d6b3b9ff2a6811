#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "sandbox/linux/published_ports.h"

namespace mayfly::sandbox {

// Carries bytes between two sandboxes of one caller: a call connects to a loopback port that a job
// publishes, and is served by the job.
//
//   call's program ⇄ listener that the call's init made ⇄ relay ⇄ socket that the job's init made
//
// Both ends are sockets of the sandboxes' own networks, made by their inits and handed to the
// server. Here they are read, written and shut down; nothing is ever handed on to anybody.
//
// One thread, started with the first listener, and asleep while nothing happens. Everything is
// bounded whatever programs do: connections, new ones a second, and the bytes that wait for one
// that does not read. A connection beyond that is closed at once or waits in the kernel's backlog.
// An end of file is carried over, so is an error. Thread-safe.
class PortRelay {
 public:
  struct Dial {
    std::uint64_t job = 0;
    std::uint64_t question = 0;
    std::uint16_t port = 0;
    Family family = Family::kIpv4;
  };
  // Asks the init of `job` for a socket that is connected to its port; `dialed` is the answer.
  // Called in the relay's thread, which holds no lock then.
  using Dialer = std::function<void(const Dial&)>;

  struct Bounds {
    std::size_t connections = 256;          // in all
    std::size_t connections_of_call = 64;   // of one that connects
    std::size_t new_in_second = 500;        // of one that connects
    std::size_t pending_bytes = 64 * 1024;  // of one connection, each way
  };

  explicit PortRelay(Dialer dialer) : PortRelay(std::move(dialer), Bounds()) {}
  PortRelay(Dialer dialer, Bounds bounds) : dialer_(std::move(dialer)), bounds_(bounds) {}
  PortRelay(const PortRelay&) = delete;
  PortRelay& operator=(const PortRelay&) = delete;
  ~PortRelay();

  // Serves `listener`, of `call`, from `behind` (on `port` there) until one of the two ends.
  Status add(std::uint64_t call, OwnedFd listener, std::uint16_t port, const PublishedPort& behind);
  // The answer to a question; an invalid `socket` is a no. Nobody but `job` may answer it.
  void dialed(std::uint64_t job, std::uint64_t question, OwnedFd socket);
  // `call` has ended: nothing of it is open here when this returns. What its programs had written
  // still goes to the other end, as far as that takes it at once.
  void forget(std::uint64_t call);

 private:
  struct Listener {
    OwnedFd socket;
    std::uint64_t call = 0;
    std::uint16_t port = 0;
    PublishedPort behind;
    std::optional<TimePoint> resume_at;  // not accepted from before that
  };
  enum Side : std::uint8_t { kClient, kJob };
  struct End {
    OwnedFd socket;
    std::string pending;        // that it has not taken yet
    bool at_end = false;        // it will send nothing more
    bool shut = false;          // it was told that nothing more comes
    std::uint32_t watched = 0;  // by epoll
  };
  struct Connection {
    std::uint64_t call = 0;
    std::uint64_t job = 0;
    bool connected = false;
    std::array<End, 2> ends;
  };
  // How often a call may connect: so many in each second that it does.
  struct Rate {
    TimePoint since{};
    std::size_t count = 0;
  };
  using Connections = std::map<std::uint64_t, Connection>;

  Status start();
  void run();
  int milliseconds_to_resume() const;
  void resume();
  void handle(std::uint64_t tag, std::uint32_t events);
  void accept_from(std::uint64_t number, Listener& listener);
  bool may_connect(const Listener& listener);
  void serve(std::uint64_t number, Connection& connection, Side side, std::uint32_t events);
  bool connect_done(Connection& connection);
  bool carry(Connection& connection, Side from);
  bool flush(End& end);
  void watch(std::uint64_t number, Connection& connection);
  void watch_listener(std::uint64_t number, const Listener& listener, bool wanted) const;
  void finish(Connection& connection, Side gone);
  static void abort(Connection& connection);

  const Dialer dialer_;
  const Bounds bounds_;

  std::mutex mutex_;  // guards all below; held for no longer than one event takes
  OwnedFd epoll_;
  OwnedFd wake_;
  bool stopping_ = false;
  std::thread thread_;
  std::map<std::uint64_t, Listener> listeners_;
  Connections connections_;
  std::map<std::uint64_t, Rate> rates_;  // by call
  std::vector<Dial> asking_;
  std::vector<char> buffer_;
  std::uint64_t next_ = 1;
};

}  // namespace mayfly::sandbox
