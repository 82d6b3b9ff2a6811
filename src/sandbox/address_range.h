#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly::sandbox {

// An IPv4 or IPv6 range in network order; IPv4 is kept as itself, never mapped.
struct AddressRange {
  int family = 4;  // 4 or 6
  std::array<std::uint8_t, 16> address{};
  int prefix = 0;

  bool operator==(const AddressRange&) const = default;
};

// "10.1.2.3", "10.0.0.0/8", "::1", "fd00::/8": no zone, no brackets. E1001 for anything else:
// - IPv4 is four decimal numbers. 0177.0.0.1, 0x7f.1, 127.1 and 2130706433 mean different addresses
//   to different programs, so they mean none here.
// - IPv6 that stands for IPv4 (::ffff:10.0.0.1) is refused in favour of that: no address has two
//   ways to be written past a rule.
// - A range starts at its first address.
Result<AddressRange> parse_address_range(std::string_view text);

// As it is parsed, IPv6 shortened as RFC 5952 says; a range of one address has no prefix.
std::string to_string(const AddressRange& range);

// Whether every address of `inner` is in `outer`. Ranges of different families never are.
bool contains(const AddressRange& outer, const AddressRange& inner);

// Whether it is one address.
bool is_single(const AddressRange& range);

// The IPv4 address that one IPv6 address leads to by a translator or a tunnel: NAT64
// (64:ff9b::/96), 6to4 (2002::/16), Teredo (2001::/32), mapped and compatible ones.
std::optional<AddressRange> ipv4_behind(const AddressRange& address);

}  // namespace mayfly::sandbox
