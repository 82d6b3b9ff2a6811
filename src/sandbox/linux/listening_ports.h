#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace mayfly::sandbox {

enum class Family : std::uint8_t { kIpv4, kIpv6 };

// Who listens, by the kernel's own tables: /proc/PID/net/tcp and tcp6 (proc(5)). What a sandbox
// does decides how many lines there are, nothing else of them.
class ListeningPorts {
 public:
  // The lines of such a table. What is none of its lines says nothing; neither does a last line
  // without an end.
  void add_table(std::string_view text);

  // The family in which a connection to the own loopback, at that port, is answered: 127.0.0.1 by
  // whoever listens there or on every address, else ::1. Absent: nobody listens.
  std::optional<Family> family_of(std::uint16_t port) const;

 private:
  std::vector<std::uint16_t> ipv4_;
  std::vector<std::uint16_t> ipv6_;
};

// The tables of the network that process `pid` is in; empty if it is gone. Reads at most 1 MiB of
// each, in which those who listen come first.
ListeningPorts listening_ports(int pid);

}  // namespace mayfly::sandbox
