#include "files/lines.h"

#include <algorithm>

#include "files/digest.h"

namespace mayfly::files {
namespace {

constexpr std::size_t npos = std::string_view::npos;

bool is_line_feed(std::string_view bytes, std::size_t at, Charset charset) {
  if (at + 1 >= bytes.size()) return false;
  const char low = charset == Charset::kUtf16Le ? bytes[at] : bytes[at + 1];
  const char high = charset == Charset::kUtf16Le ? bytes[at + 1] : bytes[at];
  return low == '\n' && high == 0;
}

bool is_utf16(Charset charset) {
  return charset == Charset::kUtf16Le || charset == Charset::kUtf16Be;
}

// The position after the last line end that is at most `until`; npos if there is none.
std::size_t last_line_end(std::string_view bytes, std::size_t until, Charset charset) {
  if (!is_utf16(charset)) {
    const std::size_t at = until > 0 ? bytes.rfind('\n', until - 1) : npos;
    return at == npos ? npos : at + 1;
  }
  for (std::size_t end = until & ~std::size_t{1}; end >= 2; end -= 2) {
    if (is_line_feed(bytes, end - 2, charset)) return end;
  }
  return npos;
}

Result<std::uint64_t> text_start(Source& source, Charset charset) {
  return mark_size(TRY(source.at(0, 4)), charset);
}

}  // namespace

std::size_t line_end(std::string_view bytes, std::size_t from, Charset charset) {
  if (!is_utf16(charset)) {
    const std::size_t at = bytes.find('\n', from);
    return at == npos ? npos : at + 1;
  }
  for (std::size_t at = from; at + 1 < bytes.size(); at += 2) {
    if (is_line_feed(bytes, at, charset)) return at + 2;
  }
  return npos;
}

Result<Survey> survey(Source& source, Charset charset, std::uint64_t wanted) {
  Survey found;
  Digest sum;
  const bool digests = source.size() <= kMostWhole;
  const bool counts = source.size() <= kMostCounted;
  const std::uint64_t start = TRY(text_start(source, charset));
  if (wanted == 1 && start < source.size()) found.line_start = start;
  std::uint64_t ends = 0;
  std::uint64_t last_end = start;
  std::uint64_t at = 0;
  while (counts || (wanted > 0 && !found.line_start)) {
    const std::string_view chunk = TRY(source.at(at, Source::kChunk));
    if (digests) sum.add(chunk);
    for (std::size_t end = line_end(chunk, 0, charset); end != npos;
         end = line_end(chunk, end, charset)) {
      ++ends;
      last_end = at + end;
      if (ends + 1 == wanted && last_end < source.size()) found.line_start = last_end;
    }
    at += chunk.size();
    if (chunk.size() < Source::kChunk) {
      found.total_lines = ends + (at > last_end ? 1 : 0);
      break;
    }
  }
  if (digests) found.digest = sum.take();
  return found;
}

Result<Tail> find_tail(Source& source, Charset charset, std::uint64_t wanted) {
  const std::uint64_t start = TRY(text_start(source, charset));
  Tail tail{.start = start, .lines = 0};
  if (start >= source.size()) return tail;
  std::uint64_t to = source.size();
  while (to > start) {
    // Chunks start at even positions, as the characters of UTF-16 do.
    const std::uint64_t from = (to - 1) / Source::kChunk * Source::kChunk;
    const std::string_view chunk = TRY(source.at(from, to - from));
    for (std::size_t end = last_line_end(chunk, chunk.size(), charset); end != npos;
         end = last_line_end(chunk, end - 1, charset)) {
      if (from + end >= source.size()) continue;  // nothing comes after it
      if (++tail.lines == wanted) {
        tail.start = from + end;
        return tail;
      }
    }
    to = from;
  }
  ++tail.lines;
  return tail;
}

Result<std::string> digest_of(Source& source) {
  Digest sum;
  for (std::uint64_t at = 0;;) {
    const std::string_view chunk = TRY(source.at(at, Source::kChunk));
    sum.add(chunk);
    at += chunk.size();
    if (chunk.size() < Source::kChunk) return sum.take();
  }
}

}  // namespace mayfly::files
