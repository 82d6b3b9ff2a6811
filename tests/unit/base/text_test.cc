#include "base/text.h"

#include <string>
#include <string_view>
#include <vector>

#include "catch_shim.h"

namespace mayfly {
namespace {

using std::string_literals::operator""s;

const std::string kBad = "\xEF\xBF\xBD";

TEST_CASE("a variable's name is letters, digits and underscores, and no digit first") {
  for (const char* good : {"PATH", "_", "a1", "LD_PRELOAD"}) CHECK(text::is_variable_name(good));
  for (const char* bad : {"", "1A", "A B", "A=B", "-"}) CHECK_FALSE(text::is_variable_name(bad));
}

TEST_CASE("well-formed UTF-8 of every length is left as it is") {
  for (const std::string& text : {""s, "plain"s, "\0zero"s, "\xC3\xA9"s, "\xE2\x82\xAC"s,
                                  "\xF0\x9F\x90\x9B"s, "\xF4\x8F\xBF\xBF"s, "\xED\x9F\xBF"s}) {
    CHECK(text::is_utf8(text));
    CHECK(text::repair_utf8(text) == text);
  }
}

TEST_CASE("each byte outside a well-formed sequence becomes one replacement character") {
  struct Case {
    std::string bytes;
    int replaced;
  };
  for (const Case& c : {Case{"\x80", 1}, Case{"\xC3", 1}, Case{"\xE2\x82", 2}, Case{"\xFF\xFE", 2},
                        Case{"\xC0\xAF", 2},          // overlong '/'
                        Case{"\xE0\x80\xAF", 3},      // overlong, three bytes
                        Case{"\xF0\x80\x80\xAF", 4},  // overlong, four bytes
                        Case{"\xED\xA0\x80", 3},      // a surrogate
                        Case{"\xF4\x90\x80\x80", 4},  // above U+10FFFF
                        Case{"\xF5\x80\x80\x80", 4}}) {
    CHECK_FALSE(text::is_utf8(c.bytes));
    std::string expected;
    for (int i = 0; i < c.replaced; ++i) expected += kBad;
    CHECK(text::repair_utf8("a" + c.bytes + "z") == "a" + expected + "z");
  }
}

TEST_CASE("repaired text is always UTF-8, whatever two bytes stand together") {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string bytes{static_cast<char>(first), static_cast<char>(second), 'x'};
      const std::string repaired = text::repair_utf8(bytes);
      if (!text::is_utf8(repaired) || repaired.back() != 'x')
        FAIL("bytes " << first << " " << second);
    }
  }
}

TEST_CASE("one_line shows control characters and keeps the rest") {
  CHECK(mayfly::text::one_line("a\nb\tc") == "a\\nb\\tc");
  CHECK(mayfly::text::one_line("\x1b[31mred\x7f\0"s) == "\\x1b[31mred\\x7f\\x00");
  CHECK(mayfly::text::one_line("caf\xC3\xA9 \xFF") == "caf\xC3\xA9 " + kBad);
}

TEST_CASE("shorten keeps short text, and cuts longer text between characters") {
  CHECK(text::shorten("short", 5) == "short");
  CHECK(text::shorten("a longer text", 8) == "a lon\xE2\x80\xA6");
  const std::string accents = "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9";
  for (std::size_t limit = 3; limit < accents.size(); ++limit) {
    const std::string cut = text::shorten(accents, limit);
    CHECK(cut.size() <= limit);
    CHECK(text::is_utf8(cut));
  }
}

TEST_CASE("boundaries never fall inside a character") {
  const std::string_view euro =
      "a\xE2\x82\xAC"
      "b";
  CHECK(text::floor_boundary(euro, 1) == 1);
  CHECK(text::floor_boundary(euro, 2) == 1);
  CHECK(text::floor_boundary(euro, 3) == 1);
  CHECK(text::floor_boundary(euro, 4) == 4);
  CHECK(text::floor_boundary(euro, 99) == 5);
  CHECK(text::ceil_boundary(euro, 1) == 1);
  CHECK(text::ceil_boundary(euro, 2) == 4);
  CHECK(text::ceil_boundary(euro, 3) == 4);
  CHECK(text::ceil_boundary(euro, 99) == 5);
  CHECK(text::floor_boundary("", 3) == 0);
  CHECK(text::ceil_boundary("", 3) == 0);
}

TEST_CASE("bytes are told in powers of 1024 with at most one decimal") {
  CHECK(text::human_bytes(0) == "0 B");
  CHECK(text::human_bytes(512) == "512 B");
  CHECK(text::human_bytes(1024) == "1 KiB");
  CHECK(text::human_bytes(3ull << 20) == "3 MiB");
  CHECK(text::human_bytes(1536ull << 20) == "1.5 GiB");
  CHECK(text::human_bytes(~0ull) == "16 EiB");
}

TEST_CASE("split and join undo each other") {
  using Parts = std::vector<std::string>;
  CHECK(text::split("a,b,,c", ',') == Parts{"a", "b", "", "c"});
  CHECK(text::split("", ',') == Parts{""});
  CHECK(text::split(",", ',') == Parts{"", ""});
  CHECK(text::join(text::split("x:y:z", ':'), ":") == "x:y:z");
  CHECK(text::join({}, ", ").empty());
  CHECK(text::join({"one"}, ", ") == "one");
}

TEST_CASE("nearest suggests a likely slip and stays silent otherwise") {
  const std::vector<std::string> keys = {"command", "argv", "timeout_ms", "cwd", "stdin"};
  CHECK(text::nearest("comand", keys) == "command");
  CHECK(text::nearest("timeout", keys) == "timeout_ms");
  CHECK(text::nearest("sdtin", keys) == "stdin");
  CHECK(text::nearest("colour", keys).empty());
  CHECK(text::nearest("anything", {}).empty());
}

}  // namespace
}  // namespace mayfly

TEST_CASE("what reorders or breaks a line without being seen is escaped in one line") {
  CHECK(mayfly::text::one_line("a\xE2\x80\xAE"
                       "b") == "a\\xe2\\x80\\xaeb");
  CHECK(mayfly::text::one_line("\xE2\x81\xA6") == "\\xe2\\x81\\xa6");
  CHECK(mayfly::text::one_line("\xC2\x85") == "\\xc2\\x85");
  CHECK(mayfly::text::one_line("\xE2\x80\x93 \xC3\xA4") == "\xE2\x80\x93 \xC3\xA4");
}
