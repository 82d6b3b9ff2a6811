#pragma once

#include <sha2.h>

#include <string>
#include <string_view>

namespace mayfly::files {

// A SHA-256 of bytes that come in pieces. Not thread-safe.
class Digest {
 public:
  Digest() { SHA256Init(&state_); }
  void add(std::string_view bytes);
  // The first 16 hexadecimal digits; nothing can be added after that.
  std::string take();

 private:
  SHA2_CTX state_;
};

}  // namespace mayfly::files
