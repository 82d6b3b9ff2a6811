#include <random>

#include "catch_shim.h"
#include "files/read.h"
#include "files/write.h"

namespace mayfly::files {
namespace {

ReadRequest read_request() {
  ReadRequest request;
  request.target = {"/area", "path", "shown"};
  request.offset = -7;
  request.limit = 3;
  request.byte_offset = 4;
  request.max_chars = 5;
  request.form = ReadForm::kText;
  request.charset = Charset::kLatin1;
  request.numbered = true;
  request.max_image_bytes = 6;
  return request;
}

ReadAnswer read_answer() {
  ReadAnswer answer;
  answer.content = "text";
  answer.mime_type = "image/png";
  answer.charset = Charset::kUtf16Be;
  answer.repaired = true;
  answer.crlf = true;
  answer.size = 10;
  answer.modified_ns = 11;
  answer.mode = 0644;
  answer.first_line = -3;
  answer.last_line = -1;
  answer.total_lines = 12;
  answer.next_line = -2;
  answer.next_byte = 13;
  answer.digest = "0123456789abcdef";
  answer.changed = true;
  return answer;
}

WriteRequest write_request() {
  WriteRequest request;
  request.target = {"/area", "path", "shown"};
  request.content = std::string("\0bytes", 6);
  request.mode = WriteMode::kAppend;
  request.parents = Parents::kCreate;
  request.charset = Charset::kBinary;
  request.expected_digest = "0123456789abcdef";
  return request;
}

Error some_error() {
  Error error = input_error(ErrorCode::kNotFound, "path", "x", "nothing is there", "look");
  error.os_errno = 2;
  return error;
}

TEST_CASE("requests and answers arrive as they were sent") {
  const ReadRequest sent = read_request();
  const auto request = decode_read_request(encode(sent));
  REQUIRE(request.has_value());
  CHECK(request->target == sent.target);
  CHECK(encode(*request) == encode(sent));
  const auto answer = decode_read_answer(encode(Result<ReadAnswer>(read_answer())));
  REQUIRE(answer.has_value());
  CHECK(encode(answer) == encode(Result<ReadAnswer>(read_answer())));
  CHECK(answer->next_line == -2);
  const auto written = decode_write_request(encode(write_request()));
  REQUIRE(written.has_value());
  CHECK(encode(*written) == encode(write_request()));
  const WriteAnswer done{.created = true, .size = 3, .digest = "d", .other_links = 2};
  const auto wrote = decode_write_answer(encode(Result<WriteAnswer>(done)));
  REQUIRE(wrote.has_value());
  CHECK(wrote->other_links == 2);
}

TEST_CASE("an error arrives as the error that it is") {
  const auto answer = decode_read_answer(encode(Result<ReadAnswer>(fail(some_error()))));
  REQUIRE(!answer.has_value());
  CHECK(answer.error() == some_error());
}

TEST_CASE("text of an answer that is no text is not passed on") {
  ReadAnswer answer = read_answer();
  answer.content = "\xFF";
  CHECK(decode_read_answer(encode(Result<ReadAnswer>(answer))).error().code ==
        ErrorCode::kSandboxLost);
  answer.kind = ReadAnswer::Kind::kBytes;
  CHECK(decode_read_answer(encode(Result<ReadAnswer>(answer))).has_value());
  Error error = some_error();
  error.message = "\xFF" + std::string(100'000, 'x');
  const auto failed = decode_write_answer(encode(Result<WriteAnswer>(fail(error))));
  CHECK(failed.error().message.starts_with("\xEF\xBF\xBDx"));
  CHECK(failed.error().message.size() < 20'000);
}

// Whether each decoder in turn takes `bytes`, in the order of `messages`.
std::vector<bool> decoded(const std::string& bytes) {
  return {decode_read_request(bytes).has_value(), decode_read_answer(bytes).has_value(),
          decode_write_request(bytes).has_value(), decode_write_answer(bytes).has_value()};
}

TEST_CASE("what was cut or garbled is an error or a value, never a crash") {
  const std::vector<std::string> messages = {
      encode(read_request()), encode(Result<ReadAnswer>(read_answer())), encode(write_request()),
      encode(Result<WriteAnswer>(fail(some_error())))};
  std::mt19937 random(1);
  for (std::size_t which = 0; which < messages.size(); ++which) {
    const std::string& message = messages[which];
    for (std::size_t size = 0; size < message.size(); ++size) {
      CHECK(!decoded(message.substr(0, size))[which]);
    }
    CHECK(!decoded(message + "x")[which]);
    for (int round = 0; round < 5'000; ++round) {
      std::string garbled = message;
      for (int flips = 1 + round % 3; flips > 0; --flips) {
        garbled[random() % garbled.size()] = static_cast<char>(random());
      }
      decoded(garbled);
    }
  }
  for (int round = 0; round < 5'000; ++round) {
    std::string noise(random() % 200, '\0');
    for (char& c : noise) c = static_cast<char>(random() % 4 == 0 ? random() : 0);
    decoded(noise);
  }
}

}  // namespace
}  // namespace mayfly::files
