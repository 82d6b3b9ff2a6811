#include "base/text.h"
#include "files/codec.h"
#include "files/read.h"

namespace mayfly::files {
namespace {

// What a client's JSON will carry as text has to be text.
bool is_sound(const ReadAnswer& answer) {
  const bool bytes =
      answer.kind == ReadAnswer::Kind::kImage || answer.kind == ReadAnswer::Kind::kBytes;
  return (bytes || text::is_utf8(answer.content)) && text::is_utf8(answer.mime_type) &&
         text::is_utf8(answer.digest);
}

}  // namespace

std::string encode(const ReadRequest& request) {
  wire::Writer writer;
  codec::put(writer, request.target);
  writer.put(request.offset).put(request.limit).put(request.byte_offset).put(request.max_chars);
  writer.put(request.form);
  codec::put_optional(writer, request.charset);
  codec::put_flag(writer, request.numbered);
  writer.put(request.max_image_bytes);
  return writer.take();
}

Result<ReadRequest> decode_read_request(std::string_view bytes) {
  wire::Reader reader(bytes);
  bool sound = true;
  ReadRequest request;
  request.target = codec::get_target(reader);
  request.offset = reader.get<std::int64_t>();
  request.limit = reader.get<std::uint64_t>();
  request.byte_offset = reader.get<std::uint64_t>();
  request.max_chars = reader.get<std::uint64_t>();
  request.form = codec::get_enum(reader, ReadForm::kBase64, sound);
  const bool has_charset = codec::get_flag(reader, sound);
  const Charset charset = codec::get_enum(reader, Charset::kBinary, sound);
  if (has_charset) request.charset = charset;
  request.numbered = codec::get_flag(reader, sound);
  request.max_image_bytes = reader.get<std::uint64_t>();
  if (!reader.finished() || !sound) return fail(codec::broken("a request to read"));
  return request;
}

std::string encode(const Result<ReadAnswer>& result) {
  return codec::encode_result(result, [](wire::Writer& writer, const ReadAnswer& answer) {
    writer.put(answer.kind).put(answer.content).put(answer.mime_type).put(answer.charset);
    codec::put_flag(writer, answer.repaired);
    codec::put_flag(writer, answer.crlf);
    writer.put(answer.size).put(answer.modified_ns).put(answer.mode);
    writer.put(answer.first_line).put(answer.last_line);
    codec::put_optional(writer, answer.total_lines);
    codec::put_optional(writer, answer.next_line);
    codec::put_optional(writer, answer.next_byte);
    writer.put(answer.digest);
    codec::put_flag(writer, answer.changed);
  });
}

Result<ReadAnswer> decode_read_answer(std::string_view bytes) {
  const auto get = [](wire::Reader& reader, bool& sound) {
    ReadAnswer answer;
    answer.kind = codec::get_enum(reader, ReadAnswer::Kind::kBinary, sound);
    answer.content = reader.get<std::string>();
    answer.mime_type = reader.get<std::string>();
    answer.charset = codec::get_enum(reader, Charset::kBinary, sound);
    answer.repaired = codec::get_flag(reader, sound);
    answer.crlf = codec::get_flag(reader, sound);
    answer.size = reader.get<std::uint64_t>();
    answer.modified_ns = reader.get<std::int64_t>();
    answer.mode = reader.get<std::uint32_t>();
    answer.first_line = reader.get<std::int64_t>();
    answer.last_line = reader.get<std::int64_t>();
    answer.total_lines = codec::get_optional<std::uint64_t>(reader, sound);
    answer.next_line = codec::get_optional<std::int64_t>(reader, sound);
    answer.next_byte = codec::get_optional<std::uint64_t>(reader, sound);
    answer.digest = reader.get<std::string>();
    answer.changed = codec::get_flag(reader, sound);
    sound = sound && is_sound(answer);
    return answer;
  };
  return codec::decode_result<ReadAnswer>(bytes, "the answer of a read", get);
}

}  // namespace mayfly::files
