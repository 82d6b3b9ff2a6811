#include "tools/excerpt.h"

#include <string>

#include "base/text.h"
#include "unit/catch_shim.h"

namespace mayfly::tools {
namespace {

using sandbox::OutputStream;
using test::contains;

void fill(OutputStream& stream, const std::string& text) {
  stream.append(text.data(), text.size());
}

std::string numbered_lines(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += "line " + std::to_string(i) + "\n";
  return out;
}

TEST_CASE("what fits is shown whole") {
  OutputStream stream;
  fill(stream, "hello\n");
  const Excerpt shown = head_and_tail(stream, 1000, Growth::kComplete);
  CHECK(shown.text == "hello\n");
  CHECK_FALSE(shown.truncated);
  CHECK(shown.next_offset == 6);
}

TEST_CASE(
    "long output is head and tail, with a line that says how much is missing and from where") {
  OutputStream stream;
  const std::string all = numbered_lines(10'000);
  fill(stream, all);
  const Excerpt shown = head_and_tail(stream, 1000, Growth::kComplete);
  CHECK(shown.truncated);
  CHECK(shown.total == all.size());
  CHECK(shown.text.size() <= 1000);
  CHECK(shown.text.starts_with("line 0\nline 1\n"));
  CHECK(shown.text.ends_with("line 9998\nline 9999\n"));
  const std::size_t marker = shown.text.find("[... ");
  REQUIRE(marker != std::string::npos);
  CHECK(marker == shown.next_offset);
  const std::size_t marker_end = shown.text.find('\n', marker) + 1;
  const std::size_t left_out = all.size() - marker - (shown.text.size() - marker_end);
  CHECK_THAT(shown.text, contains("[... " + std::to_string(left_out) +
                                  " bytes left out, from offset " + std::to_string(marker)));
}

TEST_CASE("pages put together are the whole output") {
  OutputStream stream;
  const std::string all = numbered_lines(300) + std::string(3000, 'x') + "\xf0\x9f\x90\x9e\n";
  fill(stream, all);
  for (const std::size_t budget : {5U, 100U, 997U, 100'000U}) {
    std::string read;
    for (std::uint64_t offset = 0; offset < all.size();) {
      const Excerpt shown = page(stream, offset, budget, Growth::kComplete);
      REQUIRE(shown.next_offset > offset);
      CHECK(shown.text.size() <= budget);
      CHECK(shown.encoding == Encoding::kUtf8);
      CHECK(shown.truncated == (shown.next_offset < all.size()));
      read += shown.text;
      offset = shown.next_offset;
    }
    CHECK(read == all);
  }
}

TEST_CASE("a single line without end is cut between characters") {
  OutputStream stream;
  std::string all;
  for (int i = 0; i < 5000; ++i) all += "\xe2\x82\xac";  // the euro sign, three bytes
  fill(stream, all);
  const Excerpt shown = head_and_tail(stream, 1000, Growth::kComplete);
  CHECK(shown.encoding == Encoding::kUtf8);
  CHECK(shown.next_offset % 3 == 0);
  CHECK(text::is_utf8(shown.text));
}

TEST_CASE("of binary data only the beginning is shown, in base64 and within the budget") {
  OutputStream stream;
  std::string all;
  for (int i = 0; i < 10'000; ++i) all += static_cast<char>(i * 37 % 256);
  fill(stream, all);
  const Excerpt shown = head_and_tail(stream, 1000, Growth::kComplete);
  CHECK(shown.encoding == Encoding::kBase64);
  CHECK(shown.text.size() <= 1000);
  CHECK(shown.truncated);
  CHECK(shown.next_offset == 750);
  CHECK(page(stream, 9'900, 1000, Growth::kComplete).truncated == false);
}

TEST_CASE("a growing stream keeps an unfinished character for the next page") {
  OutputStream stream;
  fill(stream, "ab\xe2\x82");
  CHECK(page(stream, 0, 100, Growth::kGrowing).next_offset == 2);
  CHECK(page(stream, 2, 100, Growth::kGrowing).text.empty());
  fill(stream, "\xac");
  CHECK(page(stream, 2, 100, Growth::kGrowing).text == "\xe2\x82\xac");
}

TEST_CASE("an offset past the end shows nothing") {
  OutputStream stream;
  fill(stream, "abc");
  const Excerpt shown = page(stream, 99, 10, Growth::kComplete);
  CHECK(shown.text.empty());
  CHECK(shown.next_offset == 3);
  CHECK_FALSE(shown.truncated);
}

TEST_CASE("a budget of nothing shows nothing and says so") {
  OutputStream stream;
  fill(stream, "abc");
  const Excerpt shown = head_and_tail(stream, 0, Growth::kComplete);
  CHECK(shown.text.empty());
  CHECK(shown.truncated);
  CHECK(shown.next_offset == 0);
}

}  // namespace
}  // namespace mayfly::tools
