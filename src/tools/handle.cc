#include "tools/handle.h"

#include <sys/random.h>

#include <cstddef>

namespace mayfly::tools {

std::string new_handle(std::string_view prefix) {
  unsigned char bytes[20] = {};
  std::size_t filled = 0;
  // Short reads are possible only with a signal; getrandom has no other failure here.
  while (filled < 16) {
    const ssize_t got = ::getrandom(bytes + filled, 16 - filled, 0);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::string handle(prefix);
  for (std::size_t bit = 0; bit < 128; bit += 5) {
    const unsigned pair = static_cast<unsigned>(bytes[bit / 8]) << 8 | bytes[bit / 8 + 1];
    handle += kAlphabet[pair >> (11 - bit % 8) & 31U];
  }
  return handle;
}

}  // namespace mayfly::tools
