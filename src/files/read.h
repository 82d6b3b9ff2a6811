#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "files/target.h"
#include "files/text_file.h"

namespace mayfly::files {

enum class ReadForm : std::uint8_t { kAuto, kText, kBase64 };

struct ReadRequest {
  Target target = {};
  std::int64_t offset = 1;  // the first line, counted from 1; negative: that many before the end
  std::uint64_t limit = 0;  // lines; 0: as many as fit
  std::uint64_t byte_offset = 0;  // kBase64: in the file; else in the line `offset`, past any mark
  std::uint64_t max_chars = 30'000;
  ReadForm form = ReadForm::kAuto;
  std::optional<Charset> charset = {};  // instead of what detect() says
  bool numbered = false;                // "    12\tthe line"
  std::uint64_t max_image_bytes = 5ULL << 20;
};

struct ReadAnswer {
  enum class Kind : std::uint8_t { kText, kImage, kBytes, kBinary };
  Kind kind = Kind::kText;
  std::string content;    // UTF-8 text; kImage and kBytes: the bytes; kBinary: empty
  std::string mime_type;  // kImage, and kBinary where it is known
  Charset charset = Charset::kUtf8;
  bool repaired = false;   // characters were replaced in `content`
  bool crlf = false;       // most lines end in CR LF; these have LF alone in `content`
  std::uint64_t size = 0;  // of the file, bytes
  std::int64_t modified_ns = 0;
  std::uint32_t mode = 0;  // permission bits
  // Numbers of lines are negative, counted from the end as `offset` is, if the page was asked for
  // from the end and the file is too large to count its lines.
  std::int64_t first_line = 0;  // of `content`; 0 if it is empty
  std::int64_t last_line = 0;
  std::optional<std::uint64_t> total_lines;  // unless the file is too large to count (lines.h)
  std::optional<std::int64_t> next_line;     // the `offset` to go on with, if something follows
  std::optional<std::uint64_t> next_byte;  // the `byte_offset` for that, inside a line or of kBytes
  std::string digest;                      // of the whole file: at most kMostWhole, and not changed
  bool changed = false;                    // it was written to while it was read
};

// Reads a regular file, as open_target gives it. Never waits on a FIFO, a device or a socket: they
// are E5001, as is a directory, an offset past the end, or one inside a line that is shorter.
// Memory stays bounded (a few times max_chars, or max_image_bytes) whatever the file is and does
// meanwhile. An image that is larger than max_image_bytes is kBinary with its type. kText shows any
// bytes, with U+FFFD for what is no character.
Result<ReadAnswer> read(int file, const ReadRequest& request);

std::string encode(const ReadRequest& request);
Result<ReadRequest> decode_read_request(std::string_view bytes);
std::string encode(const Result<ReadAnswer>& answer);
// Errors in the answer and a broken answer (E6002) alike.
Result<ReadAnswer> decode_read_answer(std::string_view bytes);

}  // namespace mayfly::files
