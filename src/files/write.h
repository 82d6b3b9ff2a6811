#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "files/target.h"
#include "files/text_file.h"

namespace mayfly::files {

enum class WriteMode : std::uint8_t { kCreate, kOverwrite, kAppend };

struct WriteRequest {
  Target target = {};
  std::string content = {};  // the bytes; for text in `charset` they are UTF-8 and encoded here
  WriteMode mode = WriteMode::kCreate;
  Parents parents = Parents::kMustExist;
  Charset charset = Charset::kUtf8;  // kBinary: `content` as it is
  std::string expected_digest = {};  // of what is there now; empty: whatever is there
};

struct WriteAnswer {
  bool created = false;
  std::uint64_t size = 0;         // of the file now
  std::string digest = {};        // of the file now, if it is at most kMostWhole
  std::uint64_t other_links = 0;  // hard links that still have the old content
};

// Puts `bytes` in the place of what is at `spot`, in one step: a new file beside it, flushed, then
// renamed (replacement.h says what is kept). Where the owner cannot be kept, where the file may not
// be written, or where it is no regular file, that is an error and nothing has changed; E4002 if
// there is no room. E5001 if what is there has not the digest `expected_digest` (unless empty), or
// changes meanwhile. Nothing is left behind on failure.
//
// The process has to ignore SIGXFSZ: a file that grows past RLIMIT_FSIZE is then an error, and no
// end that leaves the new file behind. The same goes for `write`.
Status replace(const Spot& spot, std::string_view bytes, WriteAnswer& answer,
               const std::string& expected_digest = {});

// kCreate: E5001 if something is there, with the remedy. kAppend: like the others a copy that takes
// the place of what is there, unless that is larger than kMostWhole and no digest is expected: then
// in place, and what was added is taken off again on failure.
Result<WriteAnswer> write(const Spot& spot, const WriteRequest& request);

std::string encode(const WriteRequest& request);
Result<WriteRequest> decode_write_request(std::string_view bytes);
std::string encode(const Result<WriteAnswer>& answer);
Result<WriteAnswer> decode_write_answer(std::string_view bytes);

}  // namespace mayfly::files
