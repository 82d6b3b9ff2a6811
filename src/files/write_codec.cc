#include "base/text.h"
#include "files/codec.h"
#include "files/write.h"

namespace mayfly::files {

std::string encode(const WriteRequest& request) {
  wire::Writer writer;
  codec::put(writer, request.target);
  writer.put(request.content).put(request.mode);
  codec::put_flag(writer, request.parents == Parents::kCreate);
  writer.put(request.charset).put(request.expected_digest);
  return writer.take();
}

Result<WriteRequest> decode_write_request(std::string_view bytes) {
  wire::Reader reader(bytes);
  bool sound = true;
  WriteRequest request;
  request.target = codec::get_target(reader);
  request.content = reader.get<std::string>();
  request.mode = codec::get_enum(reader, WriteMode::kAppend, sound);
  request.parents = codec::get_flag(reader, sound) ? Parents::kCreate : Parents::kMustExist;
  request.charset = codec::get_enum(reader, Charset::kBinary, sound);
  request.expected_digest = reader.get<std::string>();
  if (!reader.finished() || !sound) return fail(codec::broken("a request to write"));
  return request;
}

std::string encode(const Result<WriteAnswer>& result) {
  return codec::encode_result(result, [](wire::Writer& writer, const WriteAnswer& answer) {
    codec::put_flag(writer, answer.created);
    writer.put(answer.size).put(answer.digest).put(answer.other_links);
  });
}

Result<WriteAnswer> decode_write_answer(std::string_view bytes) {
  const auto get = [](wire::Reader& reader, bool& sound) {
    WriteAnswer answer;
    answer.created = codec::get_flag(reader, sound);
    answer.size = reader.get<std::uint64_t>();
    answer.digest = reader.get<std::string>();
    answer.other_links = reader.get<std::uint64_t>();
    sound = sound && text::is_utf8(answer.digest);
    return answer;
  };
  return codec::decode_result<WriteAnswer>(bytes, "the answer of a write", get);
}

}  // namespace mayfly::files
