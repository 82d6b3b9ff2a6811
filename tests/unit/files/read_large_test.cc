#include <atomic>
#include <thread>

#include "files/lines.h"
#include "files/read.h"
#include "fixture.h"

namespace mayfly::files {
namespace {

using test::error_of;
using test::in_child;
using test::Playground;

Result<ReadAnswer> read_at(const Playground& in, ReadRequest request) {
  request.target = in.target("file");
  const auto file = open_target(request.target);
  if (!file) return fail(file.error());
  return read(file->get(), request);
}

// Text at both ends and nothing but zeros between, which take no room on the disk.
void make_large(const Playground& in, std::uint64_t size) {
  std::string text;
  while (text.size() < 100'000) text += "a line of text\n";
  in.put("file", text);
  const auto file = sys::open(in.at("file"), O_WRONLY);
  const std::string end = "\nlast but one\nlast\n";
  REQUIRE(::pwrite(file->get(), end.data(), end.size(), static_cast<off_t>(size - end.size())) > 0);
}

TEST_CASE("a file that says that it has no bytes is read as far as it has some, up to a bound") {
  const auto read_own = [](const std::string& name, ReadRequest request) -> Result<ReadAnswer> {
    request.target = {"/proc/self", name, name};
    const auto file = open_target(request.target);
    if (!file) return fail(file.error());
    return read(file->get(), request);
  };
  const auto status = read_own("status", {});
  REQUIRE(error_of(status) == "no error");
  CHECK(status->content.starts_with("Name:\t"));
  CHECK(status->size == status->content.size());
  CHECK(status->total_lines == static_cast<std::uint64_t>(status->last_line));
  const auto last = read_own("status", {.offset = -1});
  REQUIRE(error_of(last) == "no error");
  CHECK(status->content.ends_with(last->content));
  CHECK(last->first_line == last->last_line);
  const auto bytes = read_own("status", {.byte_offset = 5, .form = ReadForm::kBase64});
  REQUIRE(error_of(bytes) == "no error");
  CHECK(bytes->content.starts_with("\t"));
  // One entry for each page that there could be.
  const std::string endless = error_of(read_own("pagemap", {}));
  CHECK(endless.find("no size") != std::string::npos);
}

TEST_CASE("a file of a gigabyte is read from both ends in bounded memory") {
  const Playground in;
  make_large(in, 1ULL << 30);
  const std::string seen = in_child([&] {
    const auto peak_kib = [] {
      struct rusage usage {};
      ::getrusage(RUSAGE_SELF, &usage);
      return usage.ru_maxrss;
    };
    const long before = peak_kib();
    const auto start = read_at(in, {});
    const auto tail = read_at(in, {.offset = -2, .numbered = true});
    const auto page = read_at(in, {.offset = -2, .limit = 1});
    if (!start || !tail || !page) return error_of(start) + error_of(tail) + error_of(page);
    std::string said = start->content.substr(0, 15) + tail->content;
    said += start->total_lines || !start->digest.empty() ? "counted" : "not counted";
    said +=
        " " + std::to_string(tail->first_line) + " " + std::to_string(page->next_line.value_or(0));
    return said + (peak_kib() - before < 16 * 1024 ? " small" : " large");
  });
  CHECK(seen == "a line of text\n    -2\tlast but one\n    -1\tlast\nnot counted -2 -1 small");
}

TEST_CASE("a line of ten megabytes is read in pages") {
  const Playground in;
  std::string line;
  while (line.size() < 10'000'000) line += "gr\xC3\xBC\xC3\x9F ";
  in.put("file", line);
  ReadRequest request{.max_chars = 1'000'000};
  std::string all;
  while (true) {
    const auto page = read_at(in, request);
    REQUIRE(error_of(page) == "no error");
    CHECK(count_characters(page->content) <= request.max_chars);
    CHECK(page->total_lines == 1U);
    all += page->content;
    if (!page->next_byte) break;
    request.offset = *page->next_line;
    request.byte_offset = *page->next_byte;
  }
  CHECK(all == line);
}

TEST_CASE("lines are found across the borders of chunks") {
  const Playground in;
  for (const int shift : {-2, -1, 0, 1, 2}) {
    const std::string first(static_cast<std::size_t>(int{Source::kChunk} + shift), 'x');
    in.put("file", first + "\nsecond\nthird");
    CHECK(read_at(in, {.offset = 2})->content == "second\nthird");
    CHECK(read_at(in, {.offset = -2})->content == "second\nthird");
    CHECK(read_at(in, {.offset = -2})->first_line == 2);
    CHECK(read_at(in, {})->next_byte == 30'000U);
  }
}

TEST_CASE("a file that grows and shrinks while it is read ends all the same, and is told") {
  const Playground in;
  const std::string text(500'000, 'a');
  in.put("file", text);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const auto file = sys::open(in.at("file"), O_WRONLY);
    while (!stop) {
      (void)!::ftruncate(file->get(), 10);
      (void)!::pwrite(file->get(), text.data(), text.size(), 0);
      (void)!::pwrite(file->get(), "\nmore\n", 6, 600'000);
    }
  });
  bool changed = false;
  bool failed = false;
  bool digested = false;
  for (int i = 0; i < 200 || (!changed && i < 100'000); ++i) {
    const auto answer = read_at(in, {.offset = i % 2 == 0 ? 1 : -1, .max_chars = 1'000'000});
    failed = failed || !answer;
    if (answer && answer->changed) digested = digested || !answer->digest.empty();
    changed = changed || (answer && answer->changed);
  }
  stop = true;
  writer.join();
  CHECK(changed);
  CHECK(!failed);
  CHECK(!digested);
}

}  // namespace
}  // namespace mayfly::files
