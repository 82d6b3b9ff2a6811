#include <random>

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

ReadAnswer good(const Playground& in, ReadRequest request) {
  auto answer = read_at(in, std::move(request));
  REQUIRE(error_of(answer) == "no error");
  return *answer;
}

TEST_CASE("a small file is read whole, with what is known of it") {
  const Playground in;
  in.put("file", "one\ntwo\nthree");
  REQUIRE(::chmod(in.at("file").c_str(), 0640) == 0);
  const ReadAnswer answer = good(in, {});
  CHECK(answer.kind == ReadAnswer::Kind::kText);
  CHECK(answer.content == "one\ntwo\nthree");
  CHECK(answer.first_line == 1);
  CHECK(answer.last_line == 3);
  CHECK(answer.total_lines == 3U);
  CHECK(!answer.next_line);
  CHECK(!answer.next_byte);
  CHECK(answer.size == 13);
  CHECK(answer.mode == 0640);
  CHECK(answer.digest == digest("one\ntwo\nthree"));
  CHECK(answer.modified_ns > 0);
  CHECK(!answer.changed);
  CHECK(!answer.repaired);
  CHECK(!answer.crlf);
}

TEST_CASE("an empty file has no lines, and that is no error") {
  const Playground in;
  in.put("file", "");
  const ReadAnswer answer = good(in, {});
  CHECK(answer.content.empty());
  CHECK(answer.first_line == 0);
  CHECK(answer.total_lines == 0U);
  CHECK(good(in, {.offset = -5}).content.empty());
  CHECK_THAT(error_of(read_at(in, {.offset = 2})), contains("file has 0 lines"));
}

TEST_CASE("lines are picked from the beginning and from the end") {
  const Playground in;
  in.put("file", "1\n2\n3\n4\n5\n");
  CHECK(good(in, {.offset = 2, .limit = 2}).content == "2\n3\n");
  CHECK(good(in, {.offset = 2, .limit = 2}).next_line == 4);
  CHECK(good(in, {.offset = 5}).content == "5\n");
  CHECK(!good(in, {.offset = 5}).next_line);
  const ReadAnswer tail = good(in, {.offset = -2});
  CHECK(tail.content == "4\n5\n");
  CHECK(tail.first_line == 4);
  CHECK(tail.last_line == 5);
  CHECK(good(in, {.offset = -2, .limit = 1}).next_line == 5);
  CHECK(good(in, {.offset = -100}).content == "1\n2\n3\n4\n5\n");
  CHECK(good(in, {.offset = INT64_MIN}).first_line == 1);
}

TEST_CASE("an offset past the end says how many lines there are") {
  const Playground in;
  in.put("file", "1\n2\n");
  CHECK_THAT(error_of(read_at(in, {.offset = 3})),
             contains("E5001 offset \"3\": file has 2 lines"));
  CHECK_THAT(error_of(read_at(in, {.offset = 0})), contains("counted from 1"));
}

TEST_CASE("numbered lines carry their numbers") {
  const Playground in;
  in.put("file", "a\nb\n");
  CHECK(good(in, {.numbered = true}).content == "     1\ta\n     2\tb\n");
  CHECK(good(in, {.offset = -1, .numbered = true}).content == "     2\tb\n");
}

TEST_CASE("a page ends with a line, and inside of one only if that alone is too long") {
  const Playground in;
  in.put("file", "short\n" + std::string(20, 'x') + "\nend\n");
  const ReadAnswer first = good(in, {.max_chars = 10});
  CHECK(first.content == "short\n");
  CHECK(first.next_line == 2);
  CHECK(!first.next_byte);
  const ReadAnswer second = good(in, {.offset = 2, .max_chars = 10});
  CHECK(second.content == std::string(10, 'x'));
  CHECK(second.next_line == 2);
  CHECK(second.next_byte == 10U);
  const ReadAnswer third = good(in, {.offset = 2, .byte_offset = 10, .max_chars = 15});
  CHECK(third.content == std::string(10, 'x') + "\nend\n");
  CHECK(third.first_line == 2);
  CHECK(!third.next_line);
  CHECK_THAT(error_of(read_at(in, {.offset = 1, .byte_offset = 6})),
             contains("line 1 of file has 6 bytes"));
  CHECK(good(in, {.max_chars = 0}).content == "s");
}

TEST_CASE("most lines ending in CR LF is noticed, and their CR left out") {
  const Playground in;
  in.put("file", "a\r\nb\r\nc\n");
  const ReadAnswer answer = good(in, {});
  CHECK(answer.crlf);
  CHECK(answer.content == "a\nb\nc\n");
  in.put("file", "a\r\nb\nc\n");
  CHECK(!good(in, {}).crlf);
  CHECK(good(in, {}).content == "a\r\nb\nc\n");
}

TEST_CASE("UTF-16 is decoded, bytes that are no UTF-8 are shown as such, latin-1 is believed") {
  const Playground in;
  in.put("file", "\xFF\xFEh\0\xFC\0\n\0x\0"s);
  CHECK(good(in, {}).content == "h\xC3\xBC\nx");
  CHECK(good(in, {}).charset == Charset::kUtf16Le);
  CHECK(good(in, {.offset = -1}).content == "x");
  in.put("file", "K\xF6ln is a city\n");
  const ReadAnswer broken = good(in, {});
  CHECK(broken.content == "K\xEF\xBF\xBDln is a city\n");
  CHECK(broken.charset == Charset::kUnknown8);
  CHECK(broken.repaired);
  const ReadAnswer latin = good(in, {.charset = Charset::kLatin1});
  CHECK(latin.content == "K\xC3\xB6ln is a city\n");
  CHECK(!latin.repaired);
  in.put("file", "\xEF\xBB\xBFmarked");
  CHECK(good(in, {}).content == "marked");
  CHECK(good(in, {}).charset == Charset::kUtf8Bom);
}

TEST_CASE("a broken character far into the file is noticed on its page") {
  const Playground in;
  std::string content;
  for (int i = 0; i < 20'000; ++i) content += "a line of text\n";
  in.put("file", content + "K\xF6ln\n");
  CHECK(good(in, {}).charset == Charset::kUtf8);
  const ReadAnswer tail = good(in, {.offset = -1});
  CHECK(tail.content == "K\xEF\xBF\xBDln\n");
  CHECK(tail.charset == Charset::kUnknown8);
  CHECK(tail.first_line == 20'001);
}

// Pages one after the other, as a caller would ask for them.
std::string all_pages(const Playground& in, ReadRequest request) {
  std::string all;
  for (int pages = 0; pages < 100'000; ++pages) {
    const ReadAnswer answer = good(in, request);
    all += answer.content;
    if (!answer.next_line) return all;
    REQUIRE(!answer.content.empty());
    request.offset = *answer.next_line;
    request.byte_offset = answer.next_byte.value_or(0);
  }
  return "no end";
}

TEST_CASE("pages put together are the file, whatever their size and its encoding") {
  const Playground in;
  std::mt19937 random(42);
  const auto pick = [&](int most) { return std::uniform_int_distribution<int>(0, most)(random); };
  const std::vector<std::string> parts = {"a",
                                          "word ",
                                          "\n",
                                          "\n\n",
                                          "\xC3\xBC",
                                          "\r\n",
                                          "\xE2\x82\xAC",
                                          "\xF0\x9F\x98\x80",
                                          std::string(50, 'l')};
  for (int round = 0; round < 60; ++round) {
    std::string text;
    for (int i = pick(60); i > 0; --i) text += parts[static_cast<std::size_t>(pick(8))];
    for (const Charset charset :
         {Charset::kUtf8, Charset::kUtf8Bom, Charset::kUtf16Le, Charset::kUtf16Be}) {
      in.put("file", *encode(text, charset));
      ReadRequest request;
      request.charset = charset;
      request.max_chars = static_cast<std::uint64_t>(1 + pick(40));
      const bool crlf = good(in, request).crlf;
      std::string expected = text;
      for (std::size_t at = 0; crlf && (at = expected.find("\r\n", at)) != std::string::npos;) {
        expected.erase(at, 1);
      }
      std::string seen = all_pages(in, request);
      // A cut between CR and LF leaves the CR.
      for (std::size_t at = 0; crlf && (at = seen.find("\r\n", at)) != std::string::npos;) {
        seen.erase(at, 1);
      }
      CHECK(seen == expected);
      if (text.empty()) continue;
      const auto total = static_cast<std::int64_t>(*good(in, request).total_lines);
      for (std::int64_t line = 1; line <= total; ++line) {
        const ReadAnswer from_start = good(in, {.offset = line, .charset = charset});
        const ReadAnswer from_end = good(in, {.offset = line - total - 1, .charset = charset});
        REQUIRE(from_end.content == from_start.content);
        REQUIRE(from_end.first_line == line);
      }
    }
  }
}

TEST_CASE("any bytes can be paged through as text") {
  const Playground in;
  std::mt19937 random(3);
  std::uniform_int_distribution<int> any(0, 255);
  for (int round = 0; round < 50; ++round) {
    std::string bytes;
    for (int i = 0; i < 300; ++i) bytes += static_cast<char>(any(random));
    in.put("file", bytes);
    ReadRequest request{.max_chars = 7, .form = ReadForm::kText, .charset = Charset::kUnknown8};
    CHECK(all_pages(in, request) == decode(bytes, Charset::kUnknown8));
    for (const Charset charset : {Charset::kUtf16Le, Charset::kUtf16Be, Charset::kUtf8}) {
      request.charset = charset;
      CHECK(all_pages(in, request) != "no end");
    }
  }
}

}  // namespace
}  // namespace mayfly::files
