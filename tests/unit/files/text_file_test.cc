#include "files/text_file.h"

#include <random>

#include "catch_shim.h"
#include "files/media_type.h"

namespace mayfly::files {
namespace {

using namespace std::string_literals;

TEST_CASE("a charset is known by its mark, else by what the bytes are like") {
  CHECK(detect("") == Charset::kUtf8);
  CHECK(detect("plain\n") == Charset::kUtf8);
  CHECK(detect("gr\xC3\xBC\xC3\x9F\n") == Charset::kUtf8);
  CHECK(detect("cut in the middle of gr\xC3") == Charset::kUtf8);
  CHECK(detect("\xEF\xBB\xBFwith a mark") == Charset::kUtf8Bom);
  CHECK(detect("\xFF\xFEh\0i\0"s) == Charset::kUtf16Le);
  CHECK(detect("\xFE\xFF\0h\0i"s) == Charset::kUtf16Be);
  CHECK(detect("\xFF\xFE\0\0h\0\0\0"s) == Charset::kBinary);
  CHECK(detect("gr\xFC\xDF aus K\xF6ln, in latin-1\n") == Charset::kUnknown8);
  CHECK(detect("text and a\0NUL"s) == Charset::kBinary);
  CHECK(detect("\x01\x02\x03\x04\x05 x") == Charset::kBinary);
  CHECK(detect("\x1b[31mred\x1b[0m\n") == Charset::kUtf8);
}

TEST_CASE("random bytes are binary") {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> any(1, 255);
  for (int round = 0; round < 100; ++round) {
    std::string bytes;
    for (int i = 0; i < 2000; ++i) bytes += static_cast<char>(any(random));
    if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) continue;
    CHECK(detect(bytes) == Charset::kBinary);
  }
}

TEST_CASE("text survives a way there and back in every charset that has its characters") {
  const std::string text = "a \xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80\r\nend";
  for (const Charset charset :
       {Charset::kUtf8, Charset::kUtf8Bom, Charset::kUtf16Le, Charset::kUtf16Be}) {
    const auto bytes = encode(text, charset);
    REQUIRE(bytes.has_value());
    CHECK(detect(*bytes) == charset);
    CHECK(decode(*bytes, charset) == text);
    CHECK(decodes_exactly(bytes->substr(mark_size(*bytes, charset)), charset));
  }
  CHECK(*encode("\xC3\xBC", Charset::kLatin1) == "\xFC");
  CHECK(decode("\xFC", Charset::kLatin1) == "\xC3\xBC");
  CHECK(*encode("\x01\xFF", Charset::kBinary) == "\x01\xFF");
}

TEST_CASE("a character that a charset does not have is named with its line") {
  const auto bytes = encode("one\ntwo \xE2\x82\xAC", Charset::kLatin1);
  REQUIRE(!bytes.has_value());
  CHECK(bytes.error().code == ErrorCode::kInvalidArgument);
  CHECK_THAT(bytes.error().message, test::contains("\xE2\x82\xAC"));
  CHECK_THAT(bytes.error().message, test::contains("line 2"));
  CHECK(!encode("\xFF", Charset::kUtf8).has_value());
  CHECK(!encode("x", Charset::kUnknown8).has_value());
}

TEST_CASE("what stands for no character is shown as one that says so") {
  CHECK(decode("a\xFFz", Charset::kUtf8) == "a\xEF\xBF\xBDz");
  CHECK(decode("\xFF\xFE\x00\xD8z\0"s, Charset::kUtf16Le) == "\xEF\xBF\xBDz");
  CHECK(decode("\xFF\xFEz\0z"s, Charset::kUtf16Le) == "z\xEF\xBF\xBD");
  CHECK(!decodes_exactly("\x00\xD8z\0"s, Charset::kUtf16Le));
}

TEST_CASE("bytes are counted by characters") {
  CHECK(bytes_of("\xC3\xBC\xE2\x82\xAC!", Charset::kUtf8, 2) == 5);
  CHECK(bytes_of("\xFF\xC3\xBC", Charset::kUtf8, 2) == 3);
  CHECK(bytes_of("a\0\x3D\xD8\x00\xDEz\0"s, Charset::kUtf16Le, 2) == 6);
  CHECK(bytes_of("abc", Charset::kLatin1, 9) == 3);
}

TEST_CASE("every charset has a name, and the name leads back to it") {
  for (int i = 0; i <= static_cast<int>(Charset::kBinary); ++i) {
    const auto charset = static_cast<Charset>(i);
    CHECK(charset_named(to_string(charset)) == charset);
  }
  CHECK(!charset_named("ebcdic").has_value());
}

TEST_CASE("a digest is the beginning of a SHA-256") {
  CHECK(digest("") == "e3b0c44298fc1c14");
  CHECK(digest("abc") == "ba7816bf8f01cfea");
}

TEST_CASE("an image is known by its header, not by its first bytes alone") {
  const std::string png = "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\1\0\0\0\1"s;
  CHECK(image_type(png) == "image/png");
  CHECK(image_type(png.substr(0, 20)).empty());
  CHECK(image_type("\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\0\0\0\0\1"s).empty());
  CHECK(image_type("\xFF\xD8\xFF\xE0\0\x10JFIF\0"s) == "image/jpeg");
  CHECK(image_type("\xFF\xD8\xFF").empty());
  CHECK(image_type("GIF89a\1\0\1\0\0\0\0"s) == "image/gif");
  CHECK(image_type("GIF89a\0\0\1\0\0\0\0"s).empty());
  CHECK(image_type("RIFF\x20\0\0\0WEBPVP8 \0\0\0\0"s) == "image/webp");
  CHECK(image_type("RIFF\x20\0\0\0WAVEfmt \0\0\0\0"s).empty());
  CHECK(media_type("%PDF-1.7") == "application/pdf");
  CHECK(media_type("hello").empty());
}

}  // namespace
}  // namespace mayfly::files
