// Attack 29: the host's network. The runner listens on the host's loopback and on an abstract
// AF_UNIX address, and says where.
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <utility>

#include "victim.h"

using namespace mayfly::victim;

namespace {

Outcome connects(int family, const void* address, socklen_t size) {
  const int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (client < 0) return blocked("socket: " + errno_text(errno));
  if (connect(client, static_cast<const sockaddr*>(address), size) == 0)
    return succeeded("connected");
  if (errno != EINPROGRESS) return blocked();
  struct pollfd ready {
    client, POLLOUT, 0
  };
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

Outcome sends_to_ipv6(const char* address) {
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(53);
  inet_pton(AF_INET6, address, &to.sin6_addr);
  const int client = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (client < 0) return blocked("socket: " + errno_text(errno));
  return must_fail(sendto(client, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to));
}

Outcome connects_to_port(const char* address, int port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, address, &to.sin_addr);
  return connects(AF_INET, &to, sizeof to);
}

Outcome pings(const char* address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  inet_pton(AF_INET, address, &to.sin_addr);
  const int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (client < 0) return blocked("socket: " + errno_text(errno));
  const unsigned char echo[8] = {8, 0, 0xf7, 0xff, 0, 0, 0, 0};
  return must_fail(
      sendto(client, echo, sizeof echo, 0, reinterpret_cast<sockaddr*>(&to), sizeof to));
}

Outcome joins_multicast() {
  const int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ip_mreqn group{};
  inet_pton(AF_INET, "224.0.0.251", &group.imr_multiaddr);
  return must_fail(setsockopt(client, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group));
}

// Attack 31. All interfaces of any host that are not called lo.
Outcome binds_to_a_device() {
  const int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (const char* name :
       {"eth0", "ens3", "enp0s3", "wlan0", "docker0", "br0", "virbr0", "tun0", "tap0", "wg0"}) {
    if (setsockopt(client, SOL_SOCKET, SO_BINDTODEVICE, name,
                   static_cast<socklen_t>(strlen(name))) == 0) {
      return succeeded(name);
    }
  }
  for (unsigned index = 2; index < 64; ++index) {
    char name[IF_NAMESIZE] = {};
    if (if_indextoname(index, name) != nullptr) return succeeded(name);
  }
  return blocked();
}

// Asks the kernel to change something of the network: the answer is an error of netlink's.
Outcome configures(uint16_t type, uint16_t size) {
  const int route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (route < 0) return blocked("socket: " + errno_text(errno));
  char request[256] = {};
  auto* header = reinterpret_cast<nlmsghdr*>(request);
  header->nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(size));
  header->nlmsg_type = type;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
  if (send(route, request, header->nlmsg_len, 0) < 0) return blocked();
  char answer[1024];
  const ssize_t got = recv(route, answer, sizeof answer, 0);
  if (got < 0) return blocked();
  const auto* reply = reinterpret_cast<const nlmsghdr*>(answer);
  if (reply->nlmsg_type != NLMSG_ERROR) return succeeded("an answer");
  const int error = -reinterpret_cast<const nlmsgerr*>(NLMSG_DATA(reply))->error;
  if (error == EPERM) return blocked("EPERM");
  return succeeded("looked at: " + errno_text(error));
}

template <typename Value>
Outcome option(int level, int name, Value value) {
  const int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return must_fail(setsockopt(client, level, name, &value, sizeof value));
}

}  // namespace

int main() {
  Victim victim;
  victim.attempt("a service on the host's loopback", Alone::kSucceeds,
                 [] { return connects_to("127.0.0.1"); });
  for (const char* address : {"0.0.0.0", "127.0.0.2"}) {
    victim.attempt(std::string("by ") + address, Alone::kUncertain,
                   [&] { return connects_to(address); });
  }
  victim.attempt("an abstract socket of the host", Alone::kSucceeds, [] {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const std::string name = setting("VICTIM_ABSTRACT");
    memcpy(to.sun_path + 1, name.c_str(), name.size());
    return connects(AF_UNIX, &to,
                    static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
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
  // Where clouds keep credentials, and where things on the way to the host usually are.
  for (const char* address :
       {"169.254.169.254", "100.100.100.200", "172.17.0.1", "10.0.2.2", "192.168.0.1"}) {
    victim.attempt(std::string("HTTP of ") + address, Alone::kDangerous,
                   [&] { return connects_to_port(address, 80); });
    victim.attempt(std::string("ICMP to ") + address, Alone::kDangerous,
                   [&] { return pings(address); });
  }
  for (const char* address : {"2606:4700:4700::1111", "fe80::1", "ff02::1", "::ffff:1.1.1.1",
                              "fd00::1", "64:ff9b::101:101"}) {
    victim.attempt(std::string("a datagram to ") + address, Alone::kDangerous,
                   [&] { return sends_to_ipv6(address); });
  }
  victim.attempt("multicast DNS", Alone::kDangerous, [] { return joins_multicast(); });
  victim.attempt("a datagram to all", Alone::kDangerous,
                 [] { return sends_to("255.255.255.255"); });
  victim.attempt("another interface than lo", Alone::kUncertain,
                 [] { return binds_to_a_device(); });
  // RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH, RTM_NEWRULE, RTM_NEWQDISC.
  for (const auto& [type, size] :
       {std::pair{16, 16}, {20, 8}, {24, 12}, {28, 12}, {32, 12}, {36, 20}}) {
    victim.attempt("netlink request " + std::to_string(type), Alone::kDangerous, [&] {
      return configures(static_cast<uint16_t>(type), static_cast<uint16_t>(size));
    });
  }
  victim.attempt("SO_MARK", Alone::kSucceeds, [] { return option(SOL_SOCKET, SO_MARK, 1); });
  victim.attempt("IP_TRANSPARENT", Alone::kSucceeds,
                 [] { return option(IPPROTO_IP, IP_TRANSPARENT, 1); });
  victim.attempt("SO_PRIORITY above 6", Alone::kSucceeds,
                 [] { return option(SOL_SOCKET, SO_PRIORITY, 7); });
  victim.attempt("SO_RCVBUFFORCE", Alone::kSucceeds,
                 [] { return option(SOL_SOCKET, SO_RCVBUFFORCE, 1 << 30); });
  return victim.result();
}
