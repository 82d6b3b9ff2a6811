#include "sandbox/address_range.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/text.h"

namespace mayfly::sandbox {
namespace {

constexpr const char* kWriteAddress =
    "write four decimal numbers as 127.0.0.1, or IPv6 as fd00::1; a range as 10.0.0.0/8";

Error wrong(std::string_view text, const std::string& message, const std::string& remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, "address", text, message, remedy);
}

// Decimal, without sign, blank or leading zero.
std::optional<int> number(std::string_view digits, int most) {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0')) {
    return std::nullopt;
  }
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool all = error == std::errc() && end == digits.data() + digits.size();
  return all && digits.front() != '-' && value <= most ? std::optional(value) : std::nullopt;
}

int width(const AddressRange& range) { return range.family == 4 ? 32 : 128; }

std::optional<AddressRange> parse_ipv4(std::string_view text) {
  AddressRange out{.family = 4, .address = {}, .prefix = 32};
  const std::vector<std::string> parts = text::split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto value = number(parts[i], 255);
    if (!value) return std::nullopt;
    out.address[i] = static_cast<std::uint8_t>(*value);
  }
  return out;
}

std::optional<AddressRange> parse_ipv6(std::string_view text) {
  // What the C library takes is a string, and a few of them a zone as well.
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
           c == '.';
  });
  if (!plain) return std::nullopt;
  if (const std::size_t dot = text.find('.'); dot != std::string_view::npos) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || !parse_ipv4(text.substr(colon + 1))) return std::nullopt;
  }
  AddressRange out{.family = 6, .address = {}, .prefix = 128};
  const std::string copy(text);
  if (::inet_pton(AF_INET6, copy.c_str(), out.address.data()) != 1) return std::nullopt;
  return out;
}

AddressRange ipv4_at(const AddressRange& from, std::size_t at) {
  AddressRange out{.family = 4, .address = {}, .prefix = 32};
  std::copy_n(from.address.begin() + static_cast<std::ptrdiff_t>(at), 4, out.address.begin());
  return out;
}

bool starts_with(const AddressRange& range, std::initializer_list<std::uint8_t> bytes) {
  return std::equal(bytes.begin(), bytes.end(), range.address.begin());
}

bool is_mapped(const AddressRange& range) {
  return range.family == 6 && range.prefix >= 96 &&
         starts_with(range, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
}

AddressRange first_of(AddressRange range) {
  for (int bit = range.prefix; bit < width(range); ++bit) {
    range.address[static_cast<std::size_t>(bit / 8)] &=
        static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
  }
  return range;
}

std::string ipv6_text(const std::array<std::uint8_t, 16>& bytes) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = bytes[2 * i] * 256U + bytes[2 * i + 1];
  // The longest run of two or more zeros, the first of equal ones.
  std::size_t run = 8;
  std::size_t length = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > length) {
      run = i;
      length = end - i;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run) {
      out += "::";
      i += length - 1;
      continue;
    }
    char hex[8];
    std::snprintf(hex, sizeof hex, "%x", groups[i]);
    if (!out.empty() && out.back() != ':') out += ':';
    out += hex;
  }
  return out;
}

}  // namespace

Result<AddressRange> parse_address_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  if (address.find('%') != std::string_view::npos) {
    return fail(wrong(text, "names a zone, which means something else on every machine",
                      "write the address without what begins at %"));
  }
  const bool six = address.find(':') != std::string_view::npos;
  const auto parsed = six ? parse_ipv6(address) : parse_ipv4(address);
  if (!parsed) return fail(wrong(text, "is no unambiguous address", kWriteAddress));
  AddressRange out = *parsed;
  if (slash != std::string_view::npos) {
    const auto prefix = number(text.substr(slash + 1), width(out));
    if (!prefix) {
      return fail(wrong(text, "has no prefix from 0 to " + std::to_string(width(out)),
                        "write a range as 10.0.0.0/8 or fd00::/8"));
    }
    out.prefix = *prefix;
  }
  if (is_mapped(out)) {
    AddressRange four = first_of(ipv4_at(out, 12));
    four.prefix = out.prefix - 96;
    four = first_of(four);
    return fail(wrong(text, "is an IPv4 address written as IPv6", "write " + to_string(four)));
  }
  if (const AddressRange first = first_of(out); first != out) {
    return fail(wrong(text, "does not begin at the first address of its range",
                      "write " + to_string(first)));
  }
  return out;
}

std::string to_string(const AddressRange& range) {
  std::string out;
  if (range.family == 4) {
    for (std::size_t i = 0; i < 4; ++i) {
      out += (i > 0 ? "." : "") + std::to_string(range.address[i]);
    }
  } else {
    out = ipv6_text(range.address);
  }
  return is_single(range) ? out : out + "/" + std::to_string(range.prefix);
}

bool contains(const AddressRange& outer, const AddressRange& inner) {
  if (outer.family != inner.family || inner.prefix < outer.prefix) return false;
  for (int bit = 0; bit < outer.prefix; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const unsigned differing = outer.address[byte] ^ inner.address[byte];
    if ((differing & (0x80U >> (bit % 8))) != 0) return false;
  }
  return true;
}

bool is_single(const AddressRange& range) { return range.prefix == width(range); }

std::optional<AddressRange> ipv4_behind(const AddressRange& address) {
  if (address.family != 6 || !is_single(address)) return std::nullopt;
  if (is_mapped(address) || starts_with(address, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) {
    return ipv4_at(address, 12);
  }
  if (starts_with(address, {0x20, 0x02})) return ipv4_at(address, 2);
  if (starts_with(address, {0x20, 0x01, 0, 0})) {
    AddressRange out = ipv4_at(address, 12);
    for (std::size_t i = 0; i < 4; ++i) out.address[i] ^= 0xff;
    return out;
  }
  // "::" and "::1" are IPv6's own.
  const bool compatible = starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  if (compatible && !starts_with(ipv4_at(address, 12), {0, 0, 0})) return ipv4_at(address, 12);
  return std::nullopt;
}

}  // namespace mayfly::sandbox
