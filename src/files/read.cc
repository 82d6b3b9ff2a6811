#include "files/read.h"

#include <algorithm>

#include "files/file_errors.h"
#include "files/lines.h"
#include "files/media_type.h"
#include "files/read_text.h"
#include "files/source.h"

namespace mayfly::files {
namespace {

constexpr std::uint64_t kSample = 64 * 1024;
// What a request may ask for is bounded here too: it decides how much memory is taken.
constexpr std::uint64_t kMostCharacters = 4'000'000;
constexpr std::uint64_t kMostImage = 64ULL << 20;

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t kBillion = 1'000'000'000;
  std::int64_t total = 0;
  // Anybody can give a file a time that does not fit.
  if (__builtin_mul_overflow(std::int64_t{time.tv_sec}, kBillion, &total) ||
      __builtin_add_overflow(total, std::int64_t{time.tv_nsec}, &total)) {
    return 0;
  }
  return total;
}

Status digest_whole(Source& source, ReadAnswer& answer) {
  if (source.size() <= kMostWhole) answer.digest = TRY(digest_of(source));
  return {};
}

Status read_bytes(Source& source, const ReadRequest& request, ReadAnswer& answer) {
  answer.kind = ReadAnswer::Kind::kBytes;
  answer.charset = Charset::kBinary;
  if (request.byte_offset > 0 && request.byte_offset >= source.size()) {
    return fail(
        input_error(ErrorCode::kInvalidArgument, "byte_offset", std::to_string(request.byte_offset),
                    request.target.shown + " has " + std::to_string(source.size()) + " bytes",
                    "start before its end"));
  }
  TRY(digest_whole(source, answer));
  // Three bytes become four characters.
  const std::uint64_t most = std::max<std::uint64_t>(request.max_chars / 4, 1) * 3;
  answer.content = TRY(source.at(request.byte_offset, most));
  const std::uint64_t end = request.byte_offset + answer.content.size();
  if (answer.content.size() == most && end < source.size()) answer.next_byte = end;
  return {};
}

// An image that is not too large, or just what is known of bytes that are no text.
Status read_binary(Source& source, const ReadRequest& request, const std::string& sample,
                   ReadAnswer& answer) {
  answer.charset = Charset::kBinary;
  answer.mime_type = media_type(sample);
  TRY(digest_whole(source, answer));
  const bool shown = !image_type(sample).empty() && source.size() <= request.max_image_bytes;
  answer.kind = shown ? ReadAnswer::Kind::kImage : ReadAnswer::Kind::kBinary;
  if (shown) answer.content = TRY(source.at(0, source.size()));
  return {};
}

Status read_as(Source& source, const ReadRequest& request, ReadAnswer& answer) {
  const std::string sample(TRY(source.at(0, kSample)));
  answer.mime_type = image_type(sample);
  if (request.form == ReadForm::kBase64) return read_bytes(source, request, answer);
  if (request.form == ReadForm::kAuto && !request.charset && !answer.mime_type.empty()) {
    return read_binary(source, request, sample, answer);
  }
  answer.mime_type.clear();
  const Charset charset = request.charset.value_or(detect(sample));
  if (charset != Charset::kBinary) return read_text(source, request, charset, sample, answer);
  if (request.form == ReadForm::kAuto) return read_binary(source, request, sample, answer);
  return read_text(source, request, Charset::kUnknown8, sample, answer);
}

}  // namespace

Result<ReadAnswer> read(int file, const ReadRequest& request) {
  ReadRequest bounded = request;
  bounded.max_chars = std::clamp<std::uint64_t>(request.max_chars, 1, kMostCharacters);
  bounded.max_image_bytes = std::min(request.max_image_bytes, kMostImage);
  Source source = TRY(Source::look_at(file, request.target.shown));
  ReadAnswer answer;
  answer.size = source.size();
  answer.modified_ns = nanoseconds(source.info().st_mtim);
  answer.mode = source.info().st_mode & 07777;
  TRY(read_as(source, bounded, answer));
  if (source.has_changed()) {
    answer.changed = true;
    // It may be that of a content that never was.
    answer.digest.clear();
  }
  return answer;
}

}  // namespace mayfly::files
