// A pattern, a line end, and a path that may match it.

#include <algorithm>

#include "sandbox/path_rules.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mayfly::sandbox;
  using mayfly::fuzz::require;
  const std::string_view text = mayfly::fuzz::text_of(data, size);
  const std::size_t cut = std::min(text.find('\n'), text.size());
  const std::string_view pattern = text.substr(0, cut);
  const std::string_view path = text.substr(std::min(cut + 1, text.size()));
  (void)matches(pattern, path);
  if (!is_pattern(pattern)) require(matches(pattern, pattern), "a path matches itself", pattern);
  // Spelled out, every character means itself.
  std::string literal;
  for (const char c : path) {
    if (c != '/' && is_pattern({&c, 1})) literal += '\\';
    literal += c;
  }
  require(matches(literal, path), "a path matches itself escaped", path);
  require(!fixed_directory(pattern).empty(), "there is a directory to look in", pattern);
  return 0;
}
