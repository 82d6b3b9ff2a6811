#include "sandbox/linux/internet_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kIpv4At = 12;
constexpr std::array<std::uint8_t, kIpv4At> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_ipv4(const InternetAddress& address) {
  return std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
}

bool all_zero(const InternetAddress& address, std::size_t from, std::size_t to) {
  return std::all_of(address.bytes.begin() + static_cast<std::ptrdiff_t>(from),
                     address.bytes.begin() + static_cast<std::ptrdiff_t>(to),
                     [](std::uint8_t byte) { return byte == 0; });
}

// What the kernel takes for an IPv6 address: sin6_scope_id came later (SIN6_LEN_RFC2133).
constexpr std::size_t kLeastIpv6 = offsetof(sockaddr_in6, sin6_scope_id);

}  // namespace

std::optional<InternetAddress> parse_internet_address(const void* sockaddr, std::size_t size) {
  sa_family_t family = AF_UNSPEC;
  if (size < sizeof family) return std::nullopt;
  std::memcpy(&family, sockaddr, sizeof family);
  InternetAddress address;
  if (family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, sockaddr, sizeof in);
    std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
    std::memcpy(&address.bytes[kIpv4At], &in.sin_addr, sizeof in.sin_addr);
    address.port = ntohs(in.sin_port);
    return address;
  }
  if (family != AF_INET6 || size < kLeastIpv6) return std::nullopt;
  sockaddr_in6 in{};
  std::memcpy(&in, sockaddr, std::min(size, sizeof in));
  std::memcpy(address.bytes.data(), &in.sin6_addr, address.bytes.size());
  address.port = ntohs(in.sin6_port);
  address.scope = in.sin6_scope_id;
  return address;
}

bool is_unspecified(const InternetAddress& address) {
  return all_zero(address, is_ipv4(address) ? kIpv4At : 0, address.bytes.size());
}

bool is_loopback(const InternetAddress& address) {
  constexpr std::uint8_t kLoopbackNet = 127;
  if (is_ipv4(address)) return address.bytes[kIpv4At] == kLoopbackNet;
  return all_zero(address, 0, address.bytes.size() - 1) && address.bytes.back() == 1;
}

bool leads_to_loopback(const InternetAddress& address) {
  return is_loopback(address) || is_unspecified(address);
}

bool is_multicast(const InternetAddress& address) {
  constexpr std::uint8_t kHalf = 0xf0;
  constexpr std::uint8_t kClassD = 0xe0;
  if (!is_ipv4(address)) return address.bytes[0] == 0xff;
  const bool to_all = std::all_of(address.bytes.begin() + kIpv4At, address.bytes.end(),
                                  [](std::uint8_t byte) { return byte == 0xff; });
  return to_all || (address.bytes[kIpv4At] & kHalf) == kClassD;
}

std::string to_text(const InternetAddress& address, int protocol) {
  char text[INET6_ADDRSTRLEN] = {};
  const bool ipv4 = is_ipv4(address);
  ::inet_ntop(ipv4 ? AF_INET : AF_INET6, &address.bytes[ipv4 ? kIpv4At : 0], text, sizeof text);
  std::string out = text;
  if (address.scope != 0) out += "%" + std::to_string(address.scope);
  if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) return out + "/icmp";
  out = (ipv4 ? out : "[" + out + "]") + ":" + std::to_string(address.port);
  return protocol == IPPROTO_UDP ? out + "/udp" : out;
}

}  // namespace mayfly::sandbox
