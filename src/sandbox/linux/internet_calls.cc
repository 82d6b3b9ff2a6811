#include "sandbox/linux/internet_calls.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <cerrno>

#include "sandbox/linux/asking_thread.h"

namespace mayfly::sandbox {
namespace {

// Interrupts a system call of this thread that waits for longer than a moment. Again and again: the
// first alarm may come just before the call begins to wait.
class Alarm {
 public:
  Alarm() {
    static const bool heard = [] {
      struct sigaction action {};
      action.sa_handler = [](int) {};
      return ::sigaction(SIGALRM, &action, nullptr) == 0;
    }();
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGALRM);
    if (heard) ::sigprocmask(SIG_UNBLOCK, &signals_, nullptr);
    set(kMoment);
  }
  ~Alarm() {
    set({});
    ::sigprocmask(SIG_BLOCK, &signals_, nullptr);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

 private:
  static constexpr timeval kMoment = {0, 3000};
  static void set(timeval time) {
    const itimerval timer{time, time};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }
  sigset_t signals_{};
};

int connect_now(const InternetCall& call) {
  const int done =
      ::connect(call.socket.get(), reinterpret_cast<const sockaddr*>(&call.raw), call.size);
  return done == 0 ? 0 : errno;
}

// Nobody is asked for anything there: it is how libraries ask the kernel which of their own
// addresses a datagram would have. Port 9 throws away what comes.
bool only_asks_for_a_source(const InternetCall& call) {
  constexpr std::uint16_t kDiscard = 9;
  const std::uint16_t port = call.address->port;
  return call.type == SOCK_DGRAM && (port == 0 || port == kDiscard);
}

}  // namespace

std::optional<InternetCall> copy_internet_call(const Listener& listener,
                                               const seccomp_notif& request) {
  const seccomp_data& data = request.data;
  const bool sends = data.nr == SYS_sendto;
  const std::uint64_t from = data.args[sends ? 4 : 1];
  const auto size = static_cast<std::uint32_t>(data.args[sends ? 5 : 2]);
  const auto thread = static_cast<pid_t>(request.pid);
  InternetCall call;
  if (size > sizeof call.raw) return std::nullopt;
  const OwnedFd process = hold_process(thread);
  if (!process.valid()) return std::nullopt;
  call.socket = duplicate_of(process, static_cast<int>(data.args[0]));
  if (!call.socket.valid()) return std::nullopt;
  const std::optional<int> domain = socket_option(call.socket, SO_DOMAIN);
  if (domain != AF_INET && domain != AF_INET6) return std::nullopt;
  if (size > 0 && !copy_from_thread(thread, from, &call.raw, size)) return std::nullopt;
  // The thread's number may have become another process's before all of this was read.
  if (!listener.still_asked(request.id)) return std::nullopt;
  call.size = size;
  call.type = socket_option(call.socket, SO_TYPE).value_or(0);
  call.protocol = socket_option(call.socket, SO_PROTOCOL).value_or(0);
  call.address = parse_internet_address(&call.raw, size);
  return call;
}

std::optional<int> connect_at_once(const InternetCall& call) {
  // Datagrams are only given a destination. Whether a stream waits, its program can change at any
  // time, so it is not asked.
  if (call.type == SOCK_DGRAM) return connect_now(call);
  const Alarm alarm;
  const int error = connect_now(call);
  if (error == EINTR) return std::nullopt;
  return error;
}

int finish_connect(const InternetCall& call) {
  const int error = connect_now(call);
  // The program asked once: that it has asked before, it does not expect to hear.
  return error == EALREADY ? EINPROGRESS : error;
}

std::optional<Finding> denied_connect(const InternetCall& call, int error) {
  // Of EACCES and EPERM none is the namespace's: it has no packet filter.
  if (error != ENETUNREACH && error != EHOSTUNREACH && error != EADDRNOTAVAIL) return std::nullopt;
  if (!call.address.has_value() || leads_to_loopback(*call.address)) return std::nullopt;
  if (only_asks_for_a_source(call)) return std::nullopt;
  return Finding{ViolationKind::kNetwork, BrokenRule::kNetwork, "connect",
                 to_text(*call.address, call.protocol), error};
}

}  // namespace mayfly::sandbox
