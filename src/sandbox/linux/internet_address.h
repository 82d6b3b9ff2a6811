#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace mayfly::sandbox {

// Where an Internet socket is to lead to, or to be, as a program named it in a sockaddr. Plain
// values, which hostile bytes are read into.
struct InternetAddress {
  std::array<std::uint8_t, 16> bytes{};  // in network order; IPv4 as ::ffff:a.b.c.d
  std::uint16_t port = 0;
  std::uint32_t scope = 0;  // the interface of a link-local address; 0: none

  bool operator==(const InternetAddress&) const = default;
};

// nullopt if the family is neither AF_INET nor AF_INET6, or there are too few bytes for it.
std::optional<InternetAddress> parse_internet_address(const void* sockaddr, std::size_t size);

bool is_unspecified(const InternetAddress& address);  // 0.0.0.0 and ::
// 127.0.0.0/8 and ::1; and, for a destination, the unspecified ones, which lead there too.
bool is_loopback(const InternetAddress& address);
bool leads_to_loopback(const InternetAddress& address);
bool is_multicast(const InternetAddress& address);  // and 255.255.255.255

// "1.1.1.1:443", "[2001:db8::1]:80", with "/udp" behind it for UDP; "1.1.1.1/icmp".
// `protocol`: IPPROTO_TCP and so on.
std::string to_text(const InternetAddress& address, int protocol);

}  // namespace mayfly::sandbox
