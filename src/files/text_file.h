#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly::files {

// How the bytes of a text file stand for characters.
enum class Charset : std::uint8_t {
  kUtf8,
  kUtf8Bom,
  kUtf16Le,  // these two with a byte order mark
  kUtf16Be,
  kLatin1,    // only when asked for
  kUnknown8,  // not UTF-8, and text all the same: shown with U+FFFD, cannot be edited
  kBinary,
};
// "utf-8", "utf-8-bom", "utf-16le", "utf-16be", "latin-1", "unknown-8bit", "binary".
const char* to_string(Charset charset);
std::optional<Charset> charset_named(std::string_view name);

// By the byte order mark, else by whether it is UTF-8, else by how much of it is text. `bytes` may
// be the beginning of a longer file: half a character at their end is not held against them.
Charset detect(std::string_view bytes);

// The length of the byte order mark that `bytes` begin with, if `charset` has one.
std::size_t mark_size(std::string_view bytes, Charset charset);

// To UTF-8 without a mark, and back with it. What stands for no character becomes U+FFFD. `encode`
// fails (E5001) for characters that the charset does not have, and for kUnknown8; kBinary is left
// as it is.
std::string decode(std::string_view bytes, Charset charset);
Result<std::string> encode(std::string_view utf8, Charset charset);

// Of bytes that come after the mark: decode without looking for one; whether every byte stands for
// a character, so that encode gives the same back; how many bytes the first `characters` take.
std::string decode_body(std::string_view bytes, Charset charset);
bool decodes_exactly(std::string_view bytes, Charset charset);
std::size_t bytes_of(std::string_view bytes, Charset charset, std::uint64_t characters);

// How many characters (code points) `utf8` has.
std::uint64_t count_characters(std::string_view utf8);

// The first 16 hexadecimal digits of the SHA-256 of `bytes` (digest.h): names a content, for
// noticing that it changed.
std::string digest(std::string_view bytes);

// Files up to this size are read whole: digested, edited, appended to by copying.
inline constexpr std::uint64_t kMostWhole = 64ULL << 20;

}  // namespace mayfly::files
