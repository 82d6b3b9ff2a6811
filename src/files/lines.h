#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "files/source.h"
#include "files/text_file.h"

// Where the lines of a file are, found chunk by chunk. A line ends in LF (in UTF-16 in U+000A);
// what comes after the last one is a line too if it is not empty.
namespace mayfly::files {

// The position after the first line end at or after `from`; npos if there is none. `bytes` begin at
// the border of a character.
std::size_t line_end(std::string_view bytes, std::size_t from, Charset charset);

struct Survey {
  std::string digest;  // if the file is at most kMostWhole
  std::optional<std::uint64_t>
      total_lines;                          // if it is at most kMostCounted, or all was read anyway
  std::optional<std::uint64_t> line_start;  // where the wanted line starts, if there is one
};
inline constexpr std::uint64_t kMostCounted = 256ULL << 20;

// One pass over the file, as far as the answers need it. `wanted` is a line's number, from 1; 0:
// none.
Result<Survey> survey(Source& source, Charset charset, std::uint64_t wanted);

// Where the last `wanted` lines start, and how many these are, read from the end.
struct Tail {
  std::uint64_t start = 0;
  std::uint64_t lines = 0;
};
Result<Tail> find_tail(Source& source, Charset charset, std::uint64_t wanted);

// Of the whole file, however large.
Result<std::string> digest_of(Source& source);

}  // namespace mayfly::files
