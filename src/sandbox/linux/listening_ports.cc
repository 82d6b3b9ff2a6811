#include "sandbox/linux/listening_ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMostBytes = 1U << 20;
constexpr std::string_view kListens = "0A";  // TCP_LISTEN

// An IPv4 address as the kernel prints it: the number that this machine reads in it.
std::string printed(std::uint32_t address) {
  char text[9];
  std::snprintf(text, sizeof text, "%08X", htonl(address));
  return text;
}

std::string_view next_word(std::string_view& line) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t end = std::min(line.find(' ', begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

std::string table_of(int pid, const char* name) {
  std::string text;
  const auto file = sys::open("/proc/" + std::to_string(pid) + "/net/" + name, O_RDONLY);
  if (!file) return text;
  char buffer[16 * 1024];
  while (text.size() < kMostBytes) {
    const ssize_t got = ::read(file->get(), buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

bool has(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

}  // namespace

// "   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 ..."
void ListeningPorts::add_table(std::string_view text) {
  static const std::string kLoopback4 = printed(INADDR_LOOPBACK);
  static const std::string kAny4(8, '0');
  static const std::string kLoopback6 = std::string(24, '0') + printed(1);
  static const std::string kAny6(32, '0');
  // What a socket of both families is bound to when it is bound to 127.0.0.1.
  static const std::string kMapped = std::string(16, '0') + printed(0xffff) + kLoopback4;
  while (true) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    next_word(line);  // the number of the line
    const std::string_view local = next_word(line);
    next_word(line);  // the other end
    if (next_word(line) != kListens) continue;
    const std::size_t colon = local.find(':');
    if (colon == std::string_view::npos || local.size() != colon + 5) continue;
    std::uint16_t port = 0;
    const auto parsed =
        std::from_chars(local.data() + colon + 1, local.data() + local.size(), port, 16);
    if (parsed.ec != std::errc() || parsed.ptr != local.data() + local.size()) continue;
    const std::string_view address = local.substr(0, colon);
    if (address == kLoopback4 || address == kAny4 || address == kMapped) ipv4_.push_back(port);
    if (address == kLoopback6 || address == kAny6) ipv6_.push_back(port);
  }
}

std::optional<Family> ListeningPorts::family_of(std::uint16_t port) const {
  if (has(ipv4_, port)) return Family::kIpv4;
  if (has(ipv6_, port)) return Family::kIpv6;
  return std::nullopt;
}

ListeningPorts listening_ports(int pid) {
  ListeningPorts ports;
  ports.add_table(table_of(pid, "tcp"));
  ports.add_table(table_of(pid, "tcp6"));
  return ports;
}

}  // namespace mayfly::sandbox
