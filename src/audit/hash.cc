#include "audit/hash.h"

#include <sha2.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

namespace mayfly::audit {
namespace {

using Sum = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

Sum sum_of(std::string_view first, std::string_view second) {
  SHA2_CTX state;
  SHA256Init(&state);
  SHA256Update(&state, reinterpret_cast<const std::uint8_t*>(first.data()), first.size());
  SHA256Update(&state, reinterpret_cast<const std::uint8_t*>(second.data()), second.size());
  Sum sum;
  SHA256Final(sum.data(), &state);
  return sum;
}

std::string_view bytes_of(const Sum& sum) {
  return {reinterpret_cast<const char*>(sum.data()), sum.size()};
}

}  // namespace

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xF];
  }
  return out;
}

std::string sha256(std::string_view bytes) { return hex(bytes_of(sum_of(bytes, {}))); }

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  constexpr std::size_t kBlock = SHA256_BLOCK_LENGTH;
  std::string inner(kBlock, '\x36');
  std::string outer(kBlock, '\x5c');
  const Sum short_key = sum_of(key, {});
  if (key.size() > kBlock) key = bytes_of(short_key);
  for (std::size_t i = 0; i < key.size(); ++i) {
    inner[i] = static_cast<char>(inner[i] ^ key[i]);
    outer[i] = static_cast<char>(outer[i] ^ key[i]);
  }
  return hex(bytes_of(sum_of(outer, bytes_of(sum_of(inner, bytes)))));
}

bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  int different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) different |= a[i] ^ b[i];
  return different == 0;
}

bool is_hash(std::string_view text) {
  return text.size() == kHashDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<std::string> random_bytes(std::size_t count) {
  std::string out(count, '\0');
  const ssize_t got = ::getrandom(out.data(), count, 0);
  if (got < 0 || static_cast<std::size_t>(got) != count) {
    return fail(system_error("getrandom", errno));
  }
  return out;
}

}  // namespace mayfly::audit
