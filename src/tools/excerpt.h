#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sandbox/report.h"
#include "tools/plain_text.h"

namespace mayfly::tools {

// What of one output stream is shown. `text` is valid UTF-8 and, base64 apart, no longer than the
// budget in characters; where something was left out in the middle, a line of its own says how many
// bytes and from which offset on. Offsets count the stream's own bytes.
struct Excerpt {
  std::string text;
  Encoding encoding = Encoding::kUtf8;
  std::uint64_t total = 0;        // bytes in the stream, so far
  std::uint64_t next_offset = 0;  // the first byte that is not shown; `total` if all are
  bool truncated = false;
};

// A stream that still grows may end inside a character, which then waits for the next page.
enum class Growth { kComplete, kGrowing };

// The beginning and the end of the stream, or all of it if it fits into `budget`. Cuts at the end
// of a line if one is near, else between two characters. Of binary data only the beginning.
Excerpt head_and_tail(const sandbox::OutputStream& stream, std::size_t budget, Growth growth,
                      Escapes escapes = Escapes::kStrip);

// What follows `offset`, as much as fits.
Excerpt page(const sandbox::OutputStream& stream, std::uint64_t offset, std::size_t budget,
             Growth growth, Escapes escapes = Escapes::kStrip);

}  // namespace mayfly::tools
