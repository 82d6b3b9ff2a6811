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
  Target target;
  std::int64_t offset = 1;  // the first line, counted from 1; negative: that many before the end
  std::uint64_t limit = 0;  // lines; 0: as many as fit
  std::uint64_t byte_offset = 0;  // kBase64, and inside a line that is longer than a page
  std::uint64_t max_chars = 30'000;
  ReadForm form = ReadForm::kAuto;
  std::optional<Charset> charset;  // instead of what detect() says
  bool numbered = false;           // "     12\tthe line"
  std::uint64_t max_image_bytes = 5ULL << 20;
};

struct ReadAnswer {
  enum class Kind : std::uint8_t { kText, kImage, kBytes, kBinary };
  Kind kind = Kind::kText;
  std::string content;    // UTF-8 text; kImage and kBytes: the bytes; kBinary: empty
  std::string mime_type;  // kImage, and kBinary where it is known
  Charset charset = Charset::kUtf8;
  bool repaired = false;   // characters were replaced in `content`
  bool crlf = false;       // most lines end in CR LF
  std::uint64_t size = 0;  // of the file, bytes
  std::int64_t modified_ns = 0;
  std::uint32_t mode = 0;        // permission bits
  std::uint64_t first_line = 0;  // of `content`; 0 if it is empty
  std::uint64_t last_line = 0;
  std::optional<std::uint64_t> total_lines;  // unless the file is too large to count
  std::optional<std::uint64_t> next_line;    // where to go on, if something follows
  std::optional<std::uint64_t> next_byte;    // the same inside a line, or of kBytes
  std::string digest;                        // of the whole file if it is at most kMostWhole
  bool changed = false;                      // it was written to while it was read
};

// Reads a regular file. Never waits on a FIFO, a device or a socket: they are E5001, as is a
// directory. Memory stays bounded whatever the file does meanwhile.
Result<ReadAnswer> read(int file, const ReadRequest& request);

std::string encode(const ReadRequest& request);
Result<ReadRequest> decode_read_request(std::string_view bytes);
std::string encode(const Result<ReadAnswer>& answer);
// Errors in the answer and a broken answer (E6002) alike.
Result<ReadAnswer> decode_read_answer(std::string_view bytes);

}  // namespace mayfly::files
