#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::sandbox {

// Questions of programs to the resolver inside the sandbox (RFC 1035), and answers that know
// nothing. Every byte of a question is hostile; no answer is longer than its question.

// What fits without EDNS, and more than one question of one name needs.
inline constexpr std::size_t kMaxDnsQuery = 512;

enum class DnsCode : std::uint8_t {
  kFormatError = 1,
  kNoSuchName = 3,
  kNotImplemented = 4,
};

struct DnsQuery {
  // In lower case, without the last dot, at most 253 bytes; "." for the root. Bytes that no host
  // name has are question marks.
  std::string name;
  std::uint16_t type = 0;  // 1: A, 28: AAAA, 12: PTR
  std::size_t size = 0;    // of header and question; what follows is not the question's
};

// The one question of a standard query. nullopt if it is none, by the letter: one question,
// no answers, a name without pointers, of at most 255 bytes.
std::optional<DnsQuery> parse_dns_query(std::string_view packet);

// What `packet` is answered; empty if it is not to be answered at all, because it is an answer
// itself or has no header. `query`: what parse_dns_query() made of it; nullopt answers what is
// wrong with it instead of `code`.
std::string dns_answer(std::string_view packet, const std::optional<DnsQuery>& query, DnsCode code);

// Names that mean this very machine wherever they are asked for: localhost and what is below it
// (RFC 6761), and the addresses of the loopback backwards. Nobody outside would be asked for them.
bool names_this_machine(std::string_view name);

}  // namespace mayfly::sandbox
