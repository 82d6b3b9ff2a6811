#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/address_range.h"
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

// "example.org", "*.example.org" (any depth below, not itself), "*" (every name), a literal address
// or a range "10.0.0.0/8", "fd00::/8"; then perhaps ":PORT" or ":LOW-HIGH"; in front perhaps
// "http://" or "https://", which without a port means 80 or 443. IPv6 with a port or behind a
// scheme is in brackets: "[::1]:80", "[fd00::/8]:443"; without them "fd00::1:80" is an address as a
// whole.
//
// A name has at most 253 characters and is kept in lower case, without the one trailing dot that it
// may be written with. Its labels have 1 to 63 letters, digits, '-' (not first, not last) and '_':
// machines are found under names with it (buckets, containers), and no program reads anything else
// into it. A name never ends in a number, decimal or 0x: that would be an address to some programs
// and a name to others. Other alphabets are written as they are in DNS, "xn--...".
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
// What the rule matches, in one spelling: parsed again it is the same rule but for its text.
// Methods, path, reason and origin are not in it.
std::string canonical_text(const HostRule& rule);

// One name of the operator's own: it alone may lead to a private address.
struct HostAddress {
  std::string name;
  std::string address;
  settings::Location at{};

  bool operator==(const HostAddress&) const = default;
};

// Whether anything outside of a sandbox can be reached at all in this version, whatever the mode.
inline constexpr bool kHasWayOut = false;

// At most so many ports are published.
inline constexpr std::size_t kMostPublished = 16;

struct NetworkPolicy {
  NetworkMode mode = NetworkMode::kNone;
  std::vector<HostRule> allow;
  std::vector<HostRule> deny;  // wins
  std::vector<HostAddress> hosts;
  // Loopback ports of a job that later calls of the same caller reach on their own loopback
  // (network.publish). Sorted, without repetition.
  std::vector<std::uint16_t> publish;

  bool operator==(const NetworkPolicy&) const = default;
};

// What somebody wants to reach: parsed from "https://example.org:8443/x", "example.org",
// "[::1]:80", "10.1.2.3" by the parser of host rules, so that neither takes what the other would
// read differently. No user, no password, no '%', '\\', blank, control character or byte above 127.
// E5001 if it is none of that.
struct Destination {
  std::string scheme;                 // "http", "https"; empty: a connection, whatever is in it
  std::string name;                   // lower case, no trailing dot; empty for an address
  std::optional<AddressRange> range;  // a literal address: full prefix
  std::uint16_t port = 0;             // 0: the scheme's, or not known
  std::string method;                 // of plain HTTP, upper case; empty: not known
  std::string path;                   // of plain HTTP, as it was sent; empty: not known
};
Result<Destination> parse_destination(std::string_view text);

// Whether the policy lets a command reach `destination`, and which rule decides (null: none names
// it, so it is refused). The most specific rule that matches is named, and of `deny` before
// `allow`. Rules count in kProxy alone: nothing is reached in kNone, and everything in kHost.
//
// What is not known about a destination counts against it: a rule of `allow` that asks for it does
// not match, one of `deny` does. That goes for a path that servers read in different ways too. A
// destination without a scheme matches "https://": both are connections into which nobody looks.
//
// "*" and names never match a literal address. `deny` also holds for the IPv4 address behind an
// IPv6 one (ipv4_behind). Whether a permitted name leads to a private address shows only when it is
// looked up.
struct NetworkDecision {
  bool allowed = false;
  const HostRule* rule = nullptr;  // in `policy`
};
NetworkDecision decide(const NetworkPolicy& policy, const Destination& destination);

// Whether everything that `inner` matches `outer` matches too, in `allow` as in `deny`.
bool covers(const HostRule& outer, const HostRule& inner);

}  // namespace mayfly::sandbox
