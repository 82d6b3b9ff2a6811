#include "tools/excerpt.h"

#include <algorithm>
#include <string_view>

namespace mayfly::tools {
namespace {

// Below this, a tail and a marker would leave no room for the head.
constexpr std::size_t kSmallestSplit = 400;
constexpr std::size_t kMarkerRoom = 120;

// Without what follows the last line end of the last quarter, if there is one.
std::string_view whole_lines_at_end(std::string_view bytes) {
  const std::size_t line_end = bytes.rfind('\n');
  if (line_end == std::string_view::npos || line_end < bytes.size() / 4 * 3) return bytes;
  return bytes.substr(0, line_end + 1);
}

std::string_view whole_lines_at_start(std::string_view bytes) {
  const std::size_t line_end = bytes.find('\n');
  if (line_end == std::string_view::npos || line_end > bytes.size() / 4) return bytes;
  return bytes.substr(line_end + 1);
}

Encoding worse(Encoding a, Encoding b) { return std::max(a, b); }

Excerpt binary(const sandbox::OutputStream& stream, std::uint64_t offset, std::uint64_t total,
               std::size_t budget) {
  Excerpt out;
  const std::string bytes = stream.read(offset, budget / 4 * 3);  // base64 makes 4 of 3
  out.text = base64(bytes);
  out.encoding = Encoding::kBase64;
  out.total = total;
  out.next_offset = offset + bytes.size();
  out.truncated = out.next_offset < total;
  return out;
}

std::string marker(std::uint64_t left_out, std::uint64_t next_offset) {
  return "[... " + std::to_string(left_out) + " bytes left out, from offset " +
         std::to_string(next_offset) + " ...]\n";
}

}  // namespace

Excerpt page(const sandbox::OutputStream& stream, std::uint64_t offset, std::size_t budget,
             Growth growth, Escapes escapes) {
  Excerpt out;
  out.total = stream.size();
  offset = std::min(offset, out.total);
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(budget, out.total - offset));
  const std::string bytes = stream.read(offset, wanted);
  if (looks_binary(whole_at_end(bytes))) return binary(stream, offset, out.total, budget);
  out.truncated = offset + bytes.size() < out.total;
  std::string_view shown = bytes;
  if (out.truncated) {
    shown = whole_at_end(whole_lines_at_end(shown));
    if (shown.empty()) shown = bytes;  // a page moves on, whatever the bytes are
  } else if (growth == Growth::kGrowing) {
    shown = whole_at_end(shown);
  }
  PlainText plain = plain_text(shown, escapes);
  out.text = std::move(plain.text);
  out.encoding = plain.encoding;
  out.next_offset = offset + shown.size();
  return out;
}

Excerpt head_and_tail(const sandbox::OutputStream& stream, std::size_t budget, Growth growth,
                      Escapes escapes) {
  const std::uint64_t total = stream.size();
  if (total <= budget || budget < kSmallestSplit) return page(stream, 0, budget, growth, escapes);

  const std::size_t half = (budget - kMarkerRoom) / 2;
  const std::string first = stream.read(0, half);
  if (looks_binary(whole_at_end(first))) return binary(stream, 0, total, budget);
  const std::string last = stream.read(total - half, half);
  const std::string_view head = whole_at_end(whole_lines_at_end(first));
  std::string_view tail = whole_at_start(whole_lines_at_start(last));
  if (growth == Growth::kGrowing) tail = whole_at_end(tail);
  const PlainText shown_head = plain_text(head, escapes);
  const PlainText shown_tail = plain_text(tail, escapes);

  Excerpt out;
  out.total = total;
  out.truncated = true;
  out.next_offset = head.size();
  out.encoding = worse(shown_head.encoding, shown_tail.encoding);
  out.text = shown_head.text;
  if (!out.text.empty() && out.text.back() != '\n') out.text += '\n';
  out.text += marker(total - head.size() - tail.size(), out.next_offset);
  out.text += shown_tail.text;
  return out;
}

}  // namespace mayfly::tools
