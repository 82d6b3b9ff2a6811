#include "sandbox/linux/loopback_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <string>

namespace mayfly::sandbox {
namespace {

constexpr int kBufferBytes = 128 * 1024;  // the kernel doubles it
constexpr int kBacklog = 128;
// Not two minutes: whoever has a full backlog does not accept.
constexpr int kSynRetries = 3;

#ifndef SO_NETNS_COOKIE  // Linux 5.14
#define SO_NETNS_COOKIE 71
#endif

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address loopback(Family family, std::uint16_t port) {
  Address out;
  if (family == Family::kIpv4) {
    auto& address = reinterpret_cast<sockaddr_in&>(out.storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.size = sizeof address;
  } else {
    auto& address = reinterpret_cast<sockaddr_in6&>(out.storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    address.sin6_addr = in6addr_loopback;
    out.size = sizeof address;
  }
  return out;
}

bool set(const OwnedFd& socket, int level, int option, int value) {
  return ::setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

OwnedFd make_socket(Family family) {
  OwnedFd socket(::socket(family == Family::kIpv4 ? AF_INET : AF_INET6,
                          SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return socket;
  // Before it listens or connects, which settles what it tells of its window.
  if (!set(socket, SOL_SOCKET, SO_RCVBUF, kBufferBytes) ||
      !set(socket, SOL_SOCKET, SO_SNDBUF, kBufferBytes)) {
    socket.reset();
  }
  return socket;
}

Result<OwnedFd> listen_on(Family family, std::uint16_t port) {
  const Address address = loopback(family, port);
  OwnedFd socket = make_socket(family);
  if (socket.valid() && set(socket, SOL_SOCKET, SO_REUSEADDR, 1) &&
      (family == Family::kIpv4 || set(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
      ::bind(socket.get(), address.get(), address.size) == 0 &&
      ::listen(socket.get(), kBacklog) == 0) {
    return socket;
  }
  return fail(system_error(std::string("listen on ") +
                               (family == Family::kIpv4 ? "127.0.0.1:" : "[::1]:") +
                               std::to_string(port),
                           errno));
}

std::optional<int> option_of(int socket, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket, SOL_SOCKET, option, &value, &size) < 0) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> network_of(int socket) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0) return std::nullopt;
  return cookie;
}

// Not blocking, it is refused at once on most kernels, and otherwise a little later.
OwnedFd dial(Family family, std::uint16_t port) {
  const Address address = loopback(family, port);
  OwnedFd socket = make_socket(family);
  if (!socket.valid()) return socket;
  (void)set(socket, IPPROTO_TCP, TCP_SYNCNT, kSynRetries);
  const bool connected = ::connect(socket.get(), address.get(), address.size) == 0;
  struct pollfd done {
    socket.get(), POLLOUT, 0
  };
  const bool goes_on = !connected && errno == EINPROGRESS;
  if (goes_on && ::poll(&done, 1, 0) == 0) return socket;
  if (connected || (goes_on && option_of(socket.get(), SO_ERROR) == 0)) return socket;
  socket.reset();
  return socket;
}

}  // namespace

Result<std::vector<OwnedFd>> listen_on_loopback(const std::vector<std::uint16_t>& ports) {
  std::vector<OwnedFd> listeners;
  for (const std::uint16_t port : ports) {
    listeners.push_back(TRY(listen_on(Family::kIpv4, port)));
    auto other = listen_on(Family::kIpv6, port);
    if (other) {
      listeners.push_back(*std::move(other));
    } else if (other.error().os_errno != EAFNOSUPPORT && other.error().os_errno != EADDRNOTAVAIL) {
      return fail(std::move(other).error());
    }
  }
  return listeners;
}

OwnedFd dial_loopback(std::uint16_t port, Family family) {
  OwnedFd socket = dial(family, port);
  if (socket.valid()) return socket;
  return dial(family == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4, port);
}

bool is_of_sandbox(int socket) {
  const auto domain = option_of(socket, SO_DOMAIN);
  if (option_of(socket, SO_PROTOCOL) != IPPROTO_TCP || !domain.has_value()) return false;
  if (*domain != AF_INET && *domain != AF_INET6) return false;
  const OwnedFd own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto ours = network_of(own.get());
  // Before Linux 5.14 nobody can tell, and it is the sandbox's since init has no other.
  const auto theirs = network_of(socket);
  return own.valid() && (!ours.has_value() || (theirs.has_value() && theirs != ours));
}

std::uint16_t port_listened_on(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (option_of(socket, SO_ACCEPTCONN) != 1) return 0;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) < 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
  return ntohs(reinterpret_cast<sockaddr_in6&>(address).sin6_port);
}

}  // namespace mayfly::sandbox
