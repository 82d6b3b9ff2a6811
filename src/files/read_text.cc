#include "files/read_text.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "files/file_errors.h"
#include "files/lines.h"

namespace mayfly::files {
namespace {

constexpr std::size_t npos = std::string_view::npos;

// Where a page starts.
struct Place {
  std::uint64_t at = 0;       // in the file
  std::uint64_t in_line = 0;  // how far that is inside its line
  std::int64_t line = 1;      // negative: counted from the end
};

tl::unexpected<Error> beyond_end(const ReadRequest& request, std::uint64_t total) {
  const std::string lines = std::to_string(total) + (total == 1 ? " line" : " lines");
  return fail(input_error(ErrorCode::kInvalidArgument, "offset", std::to_string(request.offset),
                          request.target.shown + " has " + lines,
                          "start at one of them; a negative offset counts from the end"));
}

Result<Place> find_place(Source& source, const ReadRequest& request, Charset charset,
                         ReadAnswer& answer) {
  const bool from_end = request.offset < 0;
  const auto wanted = static_cast<std::uint64_t>(from_end ? 0 : request.offset);
  Survey found = TRY(survey(source, charset, wanted));
  answer.digest = std::move(found.digest);
  answer.total_lines = found.total_lines;
  Place place;
  if (!from_end) {
    if (!found.line_start && found.total_lines.value_or(0) == 0 && wanted == 1) {
      place.at = source.size();  // empty, or nothing but a mark
      return place;
    }
    if (!found.line_start) return beyond_end(request, found.total_lines.value_or(0));
    place.at = *found.line_start;
    place.line = request.offset;
    return place;
  }
  // The most negative number has no positive counterpart.
  const std::uint64_t count = 0 - static_cast<std::uint64_t>(request.offset);
  const Tail tail = TRY(find_tail(source, charset, count));
  place.at = tail.start;
  place.line = found.total_lines ? static_cast<std::int64_t>(*found.total_lines - tail.lines + 1)
                                 : -static_cast<std::int64_t>(tail.lines);
  // The file may have grown or shrunk between the two.
  if (found.total_lines && *found.total_lines < tail.lines) place.line = 1;
  return place;
}

// Goes `request.byte_offset` bytes on inside the line, at the border of a character.
Status go_into_line(Source& source, const ReadRequest& request, Charset charset, Place& place) {
  std::uint64_t wanted = request.byte_offset;
  if (wanted == 0) return {};
  if (charset == Charset::kUtf16Le || charset == Charset::kUtf16Be) wanted &= ~std::uint64_t{1};
  for (std::uint64_t gone = 0;;) {
    const std::string_view chunk = TRY(source.at(place.at + gone, Source::kChunk));
    const std::size_t end = line_end(chunk, 0, charset);
    const std::uint64_t known = gone + (end == npos ? chunk.size() : end);
    if (wanted < known) break;
    gone = known;
    if (end == npos && chunk.size() == Source::kChunk) continue;
    return fail(input_error(ErrorCode::kInvalidArgument, "byte_offset",
                            std::to_string(request.byte_offset),
                            "line " + std::to_string(place.line) + " of " + request.target.shown +
                                " has " + std::to_string(gone) + " bytes",
                            "byte_offset counts within the line that offset names; use both as the "
                            "answer before gave them"));
  }
  if (charset == Charset::kUtf8 || charset == Charset::kUtf8Bom) {
    const std::string_view here = TRY(source.at(place.at + wanted, 3));
    for (const char c : here) {
      if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) break;
      ++wanted;
    }
  }
  place.at += wanted;
  place.in_line = wanted;
  return {};
}

bool mostly_crlf(std::string_view text) {
  std::size_t ends = 0;
  std::size_t with_cr = 0;
  for (std::size_t at = text.find('\n'); at != npos; at = text.find('\n', at + 1)) {
    ++ends;
    if (at > 0 && text[at - 1] == '\r') ++with_cr;
  }
  return with_cr * 2 > ends;
}

std::string number_prefix(const ReadRequest& request, std::int64_t line) {
  if (!request.numbered) return {};
  char prefix[32];
  std::snprintf(prefix, sizeof prefix, "%6" PRId64 "\t", line);
  return prefix;
}

// Takes whole lines while they fit; of a first line that alone does not, as much as fits.
void fill_page(std::string_view window, bool window_ends_file, const ReadRequest& request,
               Charset charset, Place place, ReadAnswer& answer) {
  std::uint64_t room = request.max_chars;
  std::size_t at = 0;
  const auto take = [&](const std::string& prefix, std::string_view raw, std::string text) {
    if (answer.crlf && text.ends_with("\r\n")) text.erase(text.size() - 2, 1);
    answer.repaired = answer.repaired || !decodes_exactly(raw, charset);
    answer.content += prefix + text;
    if (answer.first_line == 0) answer.first_line = place.line;
    answer.last_line = place.line;
    at += raw.size();
  };
  for (std::uint64_t taken = 0; at < window.size(); ++taken, ++place.line) {
    if (request.limit > 0 && taken == request.limit) break;
    const std::size_t end = line_end(window, at, charset);
    const bool whole = end != npos || window_ends_file;
    const std::string_view raw = window.substr(at, end == npos ? npos : end - at);
    const std::string prefix = number_prefix(request, place.line);
    std::string text = decode_body(raw, charset);
    const std::uint64_t cost = prefix.size() + count_characters(text);
    if (whole && cost <= room) {
      take(prefix, raw, std::move(text));
      room -= cost;
      continue;
    }
    if (taken > 0) break;
    // At least one character, or the caller would get nowhere.
    const std::uint64_t rest = std::max<std::uint64_t>(room, prefix.size() + 1) - prefix.size();
    const std::string_view piece = raw.substr(0, bytes_of(raw, charset, rest));
    take(prefix, piece, decode_body(piece, charset));
    if (!whole || piece.size() < raw.size()) {
      answer.next_line = place.line;
      answer.next_byte = place.in_line + piece.size();
      return;
    }
    room = 0;
  }
  if (at < window.size() || !window_ends_file) answer.next_line = place.line;
}

}  // namespace

Status read_text(Source& source, const ReadRequest& request, Charset charset,
                 const std::string& sample, ReadAnswer& answer) {
  if (request.offset == 0) {
    return fail(input_error(ErrorCode::kInvalidArgument, "offset", "0", "lines are counted from 1",
                            "use 1, or a negative one for the end"));
  }
  constexpr std::uint64_t kMostBytesOfCharacter = 4;
  answer.charset = charset;
  answer.crlf = mostly_crlf(decode(sample, charset));
  Place place = TRY(find_place(source, request, charset, answer));
  TRY(go_into_line(source, request, charset, place));
  // A character more than fits, so that a line that does not fit is seen not to.
  const std::uint64_t most = (request.max_chars + 1) * kMostBytesOfCharacter;
  const std::string_view window = TRY(source.at(place.at, most));
  const bool ends_file = window.size() < most || place.at + window.size() >= source.size();
  fill_page(window, ends_file, request, charset, place, answer);
  if (answer.repaired && charset == Charset::kUtf8) answer.charset = Charset::kUnknown8;
  return {};
}

}  // namespace mayfly::files
