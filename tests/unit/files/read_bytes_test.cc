#include "files/read.h"
#include "fixture.h"

namespace mayfly::files {
namespace {

using mayfly::test::contains;
using test::error_of;
using test::Playground;
using namespace std::string_literals;

Result<ReadAnswer> read_at(const Playground& in, ReadRequest request) {
  request.target = in.target("file");
  const auto file = open_target(request.target);
  if (!file) return fail(file.error());
  return read(file->get(), request);
}

std::string png(std::size_t size) {
  return "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\1\0\0\0\1"s + std::string(size, '\0');
}

TEST_CASE("an image comes as its bytes, unless it is too large") {
  const Playground in;
  in.put("file", png(100));
  const auto image = read_at(in, {});
  REQUIRE(error_of(image) == "no error");
  CHECK(image->kind == ReadAnswer::Kind::kImage);
  CHECK(image->mime_type == "image/png");
  CHECK(image->content == png(100));
  const auto large = read_at(in, {.max_image_bytes = 50});
  REQUIRE(large.has_value());
  CHECK(large->kind == ReadAnswer::Kind::kBinary);
  CHECK(large->mime_type == "image/png");
  CHECK(large->content.empty());
  CHECK(large->size == png(100).size());
}

TEST_CASE("bytes that are no text are named, not shown") {
  const Playground in;
  in.put("file",
         "\x7F"
         "ELF\2\1\1\0\0\0\0"s);
  const auto answer = read_at(in, {});
  REQUIRE(answer.has_value());
  CHECK(answer->kind == ReadAnswer::Kind::kBinary);
  CHECK(answer->charset == Charset::kBinary);
  CHECK(answer->content.empty());
  CHECK(answer->mime_type == "application/x-executable");
  CHECK(answer->size == 11);
  CHECK(answer->digest == digest(in.get("file")));
  CHECK(read_at(in, {.form = ReadForm::kText})->kind == ReadAnswer::Kind::kText);
}

TEST_CASE("bytes are paged by their offset") {
  const Playground in;
  const std::string bytes = png(1000);
  in.put("file", bytes);
  std::string all;
  ReadRequest request{.max_chars = 100, .form = ReadForm::kBase64};
  while (true) {
    const auto page = read_at(in, request);
    REQUIRE(error_of(page) == "no error");
    CHECK(page->kind == ReadAnswer::Kind::kBytes);
    CHECK(page->content.size() <= 75);
    all += page->content;
    if (!page->next_byte) break;
    request.byte_offset = *page->next_byte;
  }
  CHECK(all == bytes);
  request.byte_offset = bytes.size();
  CHECK_THAT(error_of(read_at(in, request)),
             contains("file has " + std::to_string(bytes.size()) + " bytes"));
  in.put("file", "");
  CHECK(read_at(in, {.form = ReadForm::kBase64})->content.empty());
}

TEST_CASE("only regular files are read, whatever descriptor comes") {
  const Playground in;
  REQUIRE(::mkfifo(in.at("fifo").c_str(), 0600) == 0);
  const auto fifo = sys::open(in.at("fifo"), O_RDONLY | O_NONBLOCK);
  const auto directory = sys::open(in.area(), O_RDONLY);
  const auto device = sys::open("/dev/zero", O_RDONLY);
  const ReadRequest request{.target = in.target("x")};
  CHECK_THAT(error_of(read(fifo->get(), request)), contains("E5001 path \"x\": is a FIFO"));
  CHECK_THAT(error_of(read(directory->get(), request)), contains("list_directory"));
  CHECK_THAT(error_of(read(device->get(), request)), contains("device"));
}

}  // namespace
}  // namespace mayfly::files
