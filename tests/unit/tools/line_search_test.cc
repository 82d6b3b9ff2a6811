#include "tools/line_search.h"

#include <string>

#include "unit/catch_shim.h"

namespace mayfly::tools {
namespace {

using test::contains;

LineSearch search_for(const std::string& pattern, std::uint64_t offset = 0) {
  auto compiled = compile_pattern(pattern);
  REQUIRE(compiled);
  return {*compiled, offset};
}

TEST_CASE("the first line that matches is found, wherever the pieces are cut") {
  const std::string text = "starting\r\nlistening on 3000\r\nlistening on 4000\n";
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    LineSearch search = search_for("listening on \\d+$");
    search.feed(text.substr(0, cut));
    search.feed(text.substr(cut));
    REQUIRE(search.match());
    CHECK(search.match()->offset == 10);
    CHECK(search.match()->line == "listening on 3000");
  }
}

TEST_CASE("offsets count the stream's bytes, escape sequences are no part of a line") {
  LineSearch search = search_for("^Local: http", 1000);
  search.feed("a\n\x1b[32mLocal:\x1b[0m http://localhost\n");
  REQUIRE(search.match());
  CHECK(search.match()->offset == 1002);
  CHECK(search.match()->line == "Local: http://localhost");
}

TEST_CASE("a pattern that would take seconds for a line is refused") {
  CHECK(compile_pattern("(?i)listening on https?://[^ ]{1,60}:\\d+"));
  CHECK(compile_pattern(".{0,80}error"));
  for (const char* pattern : {"[^b]*[^c].{999}(a|[^d]){900}q", "(.?){1000}b",
                              "(?:(?:[ab]*.{1000})|(?:.*a.{1000}))c{1000}d"}) {
    INFO(pattern);
    const auto compiled = compile_pattern(pattern);
    REQUIRE_FALSE(compiled);
    CHECK(compiled.error().field == "pattern");
  }
}

TEST_CASE("a line without its end is tried when there is no more for now, or at all") {
  LineSearch prompt = search_for(">>> $");
  prompt.feed("Python\n>>> ");
  CHECK_FALSE(prompt.match());
  prompt.pause();
  REQUIRE(prompt.match());
  CHECK(prompt.match()->offset == 7);

  LineSearch end = search_for("^x+$");
  end.feed(std::string(10'000, 'x'));
  end.pause();
  CHECK_FALSE(end.match());
  end.end();
  CHECK(end.match());
}

TEST_CASE("a line of many megabytes is matched in pieces and not kept") {
  LineSearch search = search_for("needle");
  const std::string hay(1 << 20, 'x');
  for (int i = 0; i < 10; ++i) search.feed(hay);
  CHECK(search.position() == 10ULL << 20);
  search.feed("needle\n");
  REQUIRE(search.match());
  CHECK(search.match()->offset % (64U << 10) == 0);
  CHECK(search.match()->line.size() <= 400);
}

TEST_CASE("a hostile pattern is linear or refused") {
  LineSearch search = search_for("^(a+)+$");
  search.feed(std::string(60'000, 'a') + "b\n");
  CHECK_FALSE(search.match());
  const auto refusal = [](const std::string& pattern) {
    const auto compiled = compile_pattern(pattern);
    REQUIRE_FALSE(compiled);
    return describe(compiled.error());
  };
  CHECK_THAT(refusal("("), contains("E5001 pattern \"(\": missing )"));
  CHECK_THAT(refusal("(?=a)"), contains("E5001 pattern"));
  CHECK_THAT(refusal("((a{1,100}){1,100}){1,100}"), contains("E5001 pattern"));
  CHECK_THAT(refusal("((((\\pL{100}){100}){10}))"), contains("E5001 pattern"));
  CHECK_THAT(refusal(std::string(2000, 'a')), contains("longer than 1024"));
  CHECK_THAT(refusal(""), contains("is empty"));
}

}  // namespace
}  // namespace mayfly::tools
