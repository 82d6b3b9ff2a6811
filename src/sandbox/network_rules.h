#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "settings/location.h"

// Which hosts a policy lets a command reach, as data. Enforced by the proxy of the sandbox; where a
// version has none, nothing is reached.
namespace mayfly::sandbox {

enum class NetworkMode {
  kNone,   // an own, empty network: loopback inside works
  kProxy,  // by name, through rules
  kHost,   // the host's own network (danger_host)
};
const char* to_string(NetworkMode mode);

// An IPv4 or IPv6 range in network order; IPv4 is kept as itself, never mapped.
struct AddressRange {
  int family = 4;  // 4 or 6
  std::array<std::uint8_t, 16> address{};
  int prefix = 0;

  bool operator==(const AddressRange&) const = default;
};

// "example.org", "*.example.org" (any depth below, not itself), "*" (every name), a literal address
// or a range "10.0.0.0/8", "fd00::/8"; then perhaps ":PORT" or ":LOW-HIGH"; in front perhaps
// "http://" or "https://", which without a port means 80 or 443. IPv6 with a port is in brackets.
// Names are lower case, without a trailing dot, letters digits and hyphens only.
struct HostRule {
  std::string text;                   // as it was written
  std::string scheme;                 // empty: any
  std::string name;                   // empty if it is a range
  bool below = false;                 // the pattern was "*.name"; "*" alone is below with no name
  std::optional<AddressRange> range;  // only for literal addresses
  std::uint16_t low_port = 0;         // 0 and 65535: any
  std::uint16_t high_port = 65535;
  std::vector<std::string> methods;  // of plain HTTP; empty: any
  std::string path_prefix;           // of plain HTTP; empty: any
  std::string reason;                // of a refusal, for who reads it
  std::string rule;                  // "build: network.allow"
  settings::Location at{};

  bool operator==(const HostRule&) const = default;
};

// E1001 for a text that names no host, with what is wrong about it.
Result<HostRule> parse_host_rule(std::string_view text);

// One name of the operator's own: it alone may lead to a private address.
struct HostAddress {
  std::string name;
  std::string address;
  settings::Location at{};

  bool operator==(const HostAddress&) const = default;
};

struct NetworkPolicy {
  NetworkMode mode = NetworkMode::kNone;
  std::vector<HostRule> allow;
  std::vector<HostRule> deny;  // wins
  std::vector<HostAddress> hosts;

  bool operator==(const NetworkPolicy&) const = default;
};

// What somebody wants to reach: parsed from "https://example.org:8443/x", "example.org",
// "[::1]:80", "10.1.2.3". The strict parser of all paths: no Unicode, no octal or integer
// addresses, no NUL, no userinfo. Port 0: the scheme's, or unknown.
struct Destination {
  std::string scheme;
  std::string name;                   // lower case, no trailing dot; empty for an address
  std::optional<AddressRange> range;  // a literal address: full prefix
  std::uint16_t port = 0;
};
Result<Destination> parse_destination(std::string_view text);

// Whether the rules let a command reach `destination`, and which rule decides (null: none names
// it, so it is refused). Whether a permitted name leads to a private address shows only when it is
// looked up.
struct NetworkDecision {
  bool allowed = false;
  const HostRule* rule = nullptr;
};
NetworkDecision decide(const NetworkPolicy& policy, const Destination& destination);

// Whether everything that `inner` matches `outer` matches too.
bool covers(const HostRule& outer, const HostRule& inner);

}  // namespace mayfly::sandbox
