#include "sandbox/linux/dns_query.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxName = 255;  // with the length of each label and the root's

std::uint8_t byte_at(std::string_view packet, std::size_t at) {
  return static_cast<std::uint8_t>(packet[at]);
}

std::uint16_t number_at(std::string_view packet, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(packet, at) << 8U | byte_at(packet, at + 1));
}

bool is_answer(std::string_view packet) { return (byte_at(packet, 2) & 0x80U) != 0; }
unsigned opcode(std::string_view packet) { return (byte_at(packet, 2) >> 3U) & 0xfU; }

char in_a_host_name(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  const bool known = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  return known ? c : '?';
}

// Whether there was a name at `at`, which then is behind it.
bool take_name(std::string_view packet, std::size_t& at, std::string& name) {
  const std::size_t begin = at;
  while (at < packet.size()) {
    const std::size_t length = byte_at(packet, at++);
    if (at + length - begin > kMaxName) return false;
    if (length == 0) {
      if (name.empty()) name.push_back('.');
      return true;
    }
    // Anything longer is a pointer, or nothing that has a meaning.
    if (length > kMaxLabel || packet.size() - at < length) return false;
    if (!name.empty()) name += '.';
    for (const char c : packet.substr(at, length)) name += in_a_host_name(c);
    at += length;
  }
  return false;
}

bool is_or_ends(std::string_view name, std::string_view of) {
  if (!name.ends_with(of)) return false;
  return name.size() == of.size() || name[name.size() - of.size() - 1] == '.';
}

}  // namespace

std::optional<DnsQuery> parse_dns_query(std::string_view packet) {
  if (packet.size() < kHeader || packet.size() > kMaxDnsQuery) return std::nullopt;
  if (is_answer(packet) || opcode(packet) != 0) return std::nullopt;
  const bool one_question = number_at(packet, 4) == 1;
  const bool no_records = number_at(packet, 6) == 0 && number_at(packet, 8) == 0;
  // EDNS and a signature come as additional records; nobody reads them here.
  constexpr std::uint16_t kMaxAdditional = 2;
  if (!one_question || !no_records || number_at(packet, 10) > kMaxAdditional) return std::nullopt;
  DnsQuery query;
  std::size_t at = kHeader;
  if (!take_name(packet, at, query.name) || packet.size() - at < 4) return std::nullopt;
  query.type = number_at(packet, at);
  query.size = at + 4;
  return query;
}

std::string dns_answer(std::string_view packet, const std::optional<DnsQuery>& query,
                       DnsCode code) {
  if (packet.size() < kHeader || is_answer(packet)) return {};
  if (!query.has_value()) {
    code = opcode(packet) == 0 ? DnsCode::kFormatError : DnsCode::kNotImplemented;
  }
  std::string answer(packet.substr(0, query.has_value() ? query->size : kHeader));
  const unsigned kept = byte_at(packet, 2) & 0x79U;  // the operation, and whether to recurse
  answer[2] = static_cast<char>(kept | 0x80U);
  answer[3] = static_cast<char>(0x80U | static_cast<unsigned>(code));  // we would recurse
  for (std::size_t at = 4; at < kHeader; ++at) answer[at] = 0;
  answer[5] = query.has_value() ? 1 : 0;
  return answer;
}

bool names_this_machine(std::string_view name) {
  constexpr std::string_view kIpv6 =
      "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";
  return is_or_ends(name, "localhost") || is_or_ends(name, "127.in-addr.arpa") || name == kIpv6;
}

}  // namespace mayfly::sandbox
