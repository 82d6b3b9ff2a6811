#include "files/digest.h"

#include "files/text_file.h"

namespace mayfly::files {

void Digest::add(std::string_view bytes) {
  SHA256Update(&state_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::string Digest::take() {
  constexpr std::size_t kShownBytes = 8;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::uint8_t sum[SHA256_DIGEST_LENGTH];
  SHA256Final(sum, &state_);
  std::string hex;
  for (std::size_t i = 0; i < kShownBytes; ++i) {
    hex += kDigits[sum[i] >> 4];
    hex += kDigits[sum[i] & 0xF];
  }
  return hex;
}

std::string digest(std::string_view bytes) {
  Digest all;
  all.add(bytes);
  return all.take();
}

}  // namespace mayfly::files
