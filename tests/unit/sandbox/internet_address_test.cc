#include "sandbox/linux/internet_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

InternetAddress ipv4(const char* text, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  REQUIRE(inet_pton(AF_INET, text, &in.sin_addr) == 1);
  const auto address = parse_internet_address(&in, sizeof in);
  REQUIRE(address.has_value());
  return *address;
}

InternetAddress ipv6(const char* text, std::uint16_t port, std::uint32_t scope = 0) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  in.sin6_scope_id = scope;
  REQUIRE(inet_pton(AF_INET6, text, &in.sin6_addr) == 1);
  const auto address = parse_internet_address(&in, sizeof in);
  REQUIRE(address.has_value());
  return *address;
}

}  // namespace

TEST_CASE("an Internet address is written as people write it, with its protocol") {
  CHECK(to_text(ipv4("1.1.1.1", 443), IPPROTO_TCP) == "1.1.1.1:443");
  CHECK(to_text(ipv4("8.8.8.8", 53), IPPROTO_UDP) == "8.8.8.8:53/udp");
  CHECK(to_text(ipv4("8.8.8.8", 0), IPPROTO_ICMP) == "8.8.8.8/icmp");
  CHECK(to_text(ipv6("2001:db8::1", 80), IPPROTO_TCP) == "[2001:db8::1]:80");
  CHECK(to_text(ipv6("fe80::1", 80, 3), IPPROTO_UDP) == "[fe80::1%3]:80/udp");
  CHECK(to_text(ipv6("::ffff:192.0.2.1", 80), IPPROTO_TCP) == "192.0.2.1:80");
}

TEST_CASE("loopback is known in every spelling, and nothing else is taken for it") {
  for (const char* text : {"127.0.0.1", "127.255.255.254"}) {
    CHECK(is_loopback(ipv4(text, 1)));
    CHECK(is_loopback(ipv6((std::string("::ffff:") + text).c_str(), 1)));
  }
  CHECK(is_loopback(ipv6("::1", 1)));
  CHECK_FALSE(is_loopback(ipv4("0.0.0.0", 1)));
  for (const char* text : {"0.0.0.0", "127.0.0.1"}) CHECK(leads_to_loopback(ipv4(text, 1)));
  for (const char* text : {"::", "::1", "::ffff:0.0.0.0"}) {
    CHECK(leads_to_loopback(ipv6(text, 1)));
  }
  for (const char* text : {"126.0.0.1", "128.0.0.1", "0.0.0.1", "1.0.0.127"}) {
    CHECK_FALSE(leads_to_loopback(ipv4(text, 1)));
  }
  for (const char* text : {"::2", "::127.0.0.1", "1::1", "::fffe:127.0.0.1", "fe80::1"}) {
    CHECK_FALSE(leads_to_loopback(ipv6(text, 1)));
  }
  CHECK(is_multicast(ipv4("224.0.0.251", 1)));
  CHECK(is_multicast(ipv4("255.255.255.255", 1)));
  CHECK(is_multicast(ipv6("ff02::fb", 1)));
  CHECK_FALSE(is_multicast(ipv4("192.0.2.255", 1)));
}

TEST_CASE("what is too short or of another family is no Internet address") {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  for (std::size_t size = 0; size < 24; ++size) {
    CHECK_FALSE(parse_internet_address(&in, size).has_value());
  }
  CHECK(parse_internet_address(&in, 24).has_value());
  in.sin6_family = AF_INET;
  CHECK_FALSE(parse_internet_address(&in, sizeof(sockaddr_in) - 1).has_value());
  CHECK(parse_internet_address(&in, sizeof(sockaddr_in)).has_value());
  for (const int family : {AF_UNSPEC, AF_UNIX, AF_NETLINK}) {
    in.sin6_family = static_cast<sa_family_t>(family);
    CHECK_FALSE(parse_internet_address(&in, sizeof in).has_value());
  }
}

}  // namespace mayfly::sandbox
