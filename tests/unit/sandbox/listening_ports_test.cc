#include "sandbox/linux/listening_ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <string>

#include "base/fd.h"
#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

// As the kernel prints the number 0x7f000001 that lies in memory in network order.
std::string hex(std::uint32_t address) {
  char text[9];
  std::snprintf(text, sizeof text, "%08X", htonl(address));
  return text;
}

const std::string kHead =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
const std::string kZero6(24, '0');

std::string row(const std::string& local, const std::string& port, const std::string& state) {
  return "   0: " + local + ":" + port + " " + std::string(local.size(), '0') + ":0000 " + state +
         " 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n";
}

std::optional<Family> family_in(const std::string& text, std::uint16_t port) {
  ListeningPorts ports;
  ports.add_table(text);
  return ports.family_of(port);
}

OwnedFd listener(int family, std::uint16_t& port) {
  OwnedFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  if (family == AF_INET) {
    auto& four = reinterpret_cast<sockaddr_in&>(address);
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size = sizeof four;
  } else {
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
  }
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) < 0 ||
      ::listen(socket.get(), 1) < 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) < 0) {
    return OwnedFd();
  }
  port = ntohs(address.sin6_port);  // at the same place in both
  return socket;
}

}  // namespace

TEST_CASE("who listens on loopback or on every address is found in the kernel's tables") {
  const std::string loopback = hex(INADDR_LOOPBACK);
  CHECK(family_in(kHead + row(loopback, "0BB8", "0A"), 3000) == Family::kIpv4);
  CHECK(family_in(kHead + row("00000000", "0BB8", "0A"), 3000) == Family::kIpv4);
  CHECK(family_in(kHead + row(kZero6 + hex(1), "0BB8", "0A"), 3000) == Family::kIpv6);
  CHECK(family_in(kHead + row(kZero6 + "00000000", "FFFF", "0A"), 65535) == Family::kIpv6);
  const std::string mapped = std::string(16, '0') + hex(0xffff) + loopback;
  CHECK(family_in(kHead + row(mapped, "0BB8", "0A"), 3000) == Family::kIpv4);
  const std::string both = row(kZero6 + hex(1), "0BB8", "0A") + row(loopback, "0BB8", "0A");
  CHECK(family_in(both, 3000) == Family::kIpv4);
}

TEST_CASE("what does not listen there is not found") {
  const std::string loopback = hex(INADDR_LOOPBACK);
  CHECK_FALSE(family_in(kHead + row(loopback, "0BB8", "0A"), 3001));
  CHECK_FALSE(family_in(kHead + row(loopback, "0BB8", "01"), 3000));
  CHECK_FALSE(family_in(kHead + row(loopback, "0BB8", "0B"), 3000));
  CHECK_FALSE(family_in(kHead + row(hex(0x0a000001), "0BB8", "0A"), 3000));
  CHECK_FALSE(family_in(kHead + row(hex(INADDR_LOOPBACK + 1), "0BB8", "0A"), 3000));
  CHECK_FALSE(family_in(kHead + row(kZero6 + loopback, "0BB8", "0A"), 3000));
}

TEST_CASE("what is no line of such a table says nothing") {
  const std::string loopback = hex(INADDR_LOOPBACK);
  const std::string good = row(loopback, "0BB8", "0A");
  CHECK_FALSE(family_in(good.substr(0, good.size() - 1), 3000));
  CHECK_FALSE(family_in("", 3000));
  CHECK_FALSE(family_in("\n\n  \n", 3000));
  CHECK_FALSE(family_in("0: " + loopback + ":0BB8x x 0A\n", 3000));
  CHECK_FALSE(family_in("0: " + loopback + ":+BB8 x 0A\n", 3000));
  CHECK_FALSE(family_in("0: " + loopback + "0BB8 x 0A\n", 3000));
  CHECK_FALSE(family_in("0: " + loopback + ": x 0A\n", 3000));
  CHECK_FALSE(family_in("0: " + loopback + ":00000BB8 x 0A\n", 3000));
  CHECK(family_in(std::string(100'000, 'x') + "\n" + good, 3000) == Family::kIpv4);
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text = kHead + good + good;
    for (int change = 0; change < 20; ++change) {
      text[random() % text.size()] = " :\n0A\xff"[random() % 6];
    }
    family_in(text.substr(0, random() % text.size()), 3000);
  }
}

TEST_CASE("the tables of a running process say where it listens") {
  std::uint16_t four = 0;
  std::uint16_t six = 0;
  const OwnedFd first = listener(AF_INET, four);
  REQUIRE(first.valid());
  CHECK(listening_ports(::getpid()).family_of(four) == Family::kIpv4);
  if (const OwnedFd second = listener(AF_INET6, six); second.valid() && six != four) {
    CHECK(listening_ports(::getpid()).family_of(six) == Family::kIpv6);
  }
  CHECK_FALSE(listening_ports(0).family_of(four));
}

}  // namespace mayfly::sandbox
