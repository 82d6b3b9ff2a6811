// Attack 29: the host's network. The runner listens on the host's loopback and on an abstract
// AF_UNIX address, and says where.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

#include "victim.h"

using namespace mayfly::victim;

namespace {

Outcome connects(int family, const void* address, socklen_t size) {
  const int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (client < 0) return blocked("socket: " + errno_text(errno));
  if (connect(client, static_cast<const sockaddr*>(address), size) == 0) return succeeded("connected");
  if (errno != EINPROGRESS) return blocked();
  struct pollfd ready {client, POLLOUT, 0};
  if (poll(&ready, 1, 500) <= 0) return blocked("nobody answers");
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length);
  return error == 0 ? succeeded("connected") : blocked(errno_text(error));
}

Outcome connects_to(const char* address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(atoi(setting("VICTIM_PORT").c_str())));
  inet_pton(AF_INET, address, &to.sin_addr);
  return connects(AF_INET, &to, sizeof to);
}

Outcome sends_to(const char* address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(53);
  inet_pton(AF_INET, address, &to.sin_addr);
  const int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return must_fail(sendto(client, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to));
}

}  // namespace

int main() {
  Victim victim;
  victim.attempt("a service on the host's loopback", Alone::kSucceeds, [] { return connects_to("127.0.0.1"); });
  for (const char* address : {"0.0.0.0", "127.0.0.2"}) {
    victim.attempt(std::string("by ") + address, Alone::kUncertain, [&] { return connects_to(address); });
  }
  victim.attempt("an abstract socket of the host", Alone::kSucceeds, [] {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const std::string name = setting("VICTIM_ABSTRACT");
    memcpy(to.sun_path + 1, name.c_str(), name.size());
    return connects(AF_UNIX, &to, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
  });
  victim.attempt("a socket of the host in the workspace", Alone::kSucceeds, [] {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    strncpy(to.sun_path, "host.sock", sizeof to.sun_path - 1);
    return connects(AF_UNIX, &to, sizeof to);
  });
  for (const char* address : {"1.1.1.1", "169.254.169.254", "224.0.0.1", "10.0.0.1"}) {
    victim.attempt(std::string("a datagram to ") + address, Alone::kDangerous,
                   [&] { return sends_to(address); });
  }
  return victim.result();
}
