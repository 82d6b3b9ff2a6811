#include "tools/plain_text.h"

#include <string>

#include "unit/catch_shim.h"

namespace mayfly::tools {
namespace {

using namespace std::string_literals;

TEST_CASE("terminal escape sequences are stripped, their text stays") {
  CHECK(strip_escapes("\x1b[1;31mred\x1b[0m") == "red");
  CHECK(strip_escapes("\x1b]0;title\atext") == "text");
  CHECK(strip_escapes("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\") == "link");
  CHECK(strip_escapes("a\x1b(Bb\x1b=c") == "abc");
  CHECK(strip_escapes("\x1bP1$r0m\x1b\\after") == "after");
}

TEST_CASE("what only looks like an escape sequence loses no text") {
  CHECK(strip_escapes("\x1b[12\ntext") == "[12\ntext");
  const std::string unterminated = "\x1b]" + std::string(10'000, 'x');
  CHECK(strip_escapes(unterminated).size() == unterminated.size() - 1);
  CHECK(strip_escapes("end\x1b") == "end");
  CHECK(strip_escapes("end\x1b[3") == "end");
}

TEST_CASE("bytes that are not text are shown as replacement characters") {
  const PlainText repaired = plain_text("caf\xe9 and \0 nul"s);
  CHECK(repaired.text == "caf\xEF\xBF\xBD and \xEF\xBF\xBD nul");
  CHECK(repaired.encoding == Encoding::kRepaired);
  CHECK(plain_text("caf\xc3\xa9").encoding == Encoding::kUtf8);
}

TEST_CASE("binary data is told from text with a few odd bytes") {
  CHECK(
      looks_binary("\x7f"
                   "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0>\0\1\0\0\0"s));
  CHECK(looks_binary("h\0e\0l\0l\0o\0"s));
  CHECK_FALSE(looks_binary("one\0two\0three\0"s));
  CHECK_FALSE(looks_binary("\x1b[31mred\x1b[0m\r\n\tcaf\xc3\xa9 \xf0\x9f\x90\x9e"));
  CHECK_FALSE(
      looks_binary("un peu de fran\xe7"
                   "ais"));
  CHECK_FALSE(looks_binary(""));
}

TEST_CASE("base64 pads as RFC 4648 does") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xff\xfe\xfd") == "//79");
}

TEST_CASE("base64 is read back, with or without padding and line ends, and nothing else is") {
  for (const std::string bytes : {"", "a", "ab", "abc", "abcd", "\xff\xfe\xfd"}) {
    CHECK(from_base64(base64(bytes)) == bytes);
  }
  CHECK(from_base64("YW\nJj\r\n ZA") == "abcd");
  for (const char* wrong : {"A", "A===", "AA=", "AAA==", "=", "AA*A", "AA==AA", "-_-_"}) {
    INFO(wrong);
    CHECK_FALSE(from_base64(wrong));
  }
}

TEST_CASE("a cut never splits a character, and never drops more than one") {
  const std::string text = "a\xf0\x9f\x90\x9e";  // a, and a beetle of four bytes
  CHECK(whole_at_end(text) == text);
  for (const std::size_t size : {2U, 3U, 4U}) CHECK(whole_at_end(text.substr(0, size)) == "a");
  CHECK(whole_at_start(text.substr(2)).empty());
  CHECK(whole_at_start("abc") == "abc");
  CHECK(whole_at_end(std::string(10, '\x80')).size() == 10);
  CHECK(whole_at_start(std::string(10, '\x80')).size() == 7);
}

}  // namespace
}  // namespace mayfly::tools
