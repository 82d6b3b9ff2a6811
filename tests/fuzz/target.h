#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

// What libFuzzer and corpus_main.cc call with each input. Never fails but by a crash.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mayfly::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// An assertion that every build has.
inline void require(bool holds, const char* what, std::string_view about = "") {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n%.*s\n", what, static_cast<int>(about.size()),
               about.data());
  std::abort();
}

}  // namespace mayfly::fuzz
