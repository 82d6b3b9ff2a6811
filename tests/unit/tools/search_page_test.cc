#include "tools/search_page.h"

#include <string>
#include <string_view>

#include "tools/ripgrep_output.h"
#include "unit/catch_shim.h"

namespace mayfly::tools {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

SearchPage page_of(std::string_view output, SearchPage::Choice choice) {
  SearchPage page(choice);
  read_search(output, choice.mode, [&](const SearchRecord& record) { page.add(record); });
  return page;
}

constexpr std::string_view kTwoFiles =
    "./a.cc\0"
    "1-zero\n"
    "./a.cc\0"
    "2:one\n"
    "./a.cc\0"
    "3-between\n"
    "./a.cc\0"
    "9-before\n"
    "./a.cc\0"
    "10:two\r\n"
    "./b.cc\0"
    "4:three\n"sv;

TEST_CASE("matches are grouped by file, with their context") {
  SearchPage page = page_of(kTwoFiles, {.context = 1});
  CHECK(page.results() == 3);
  CHECK(page.files() == 2);
  CHECK(page.take() ==
        "a.cc\n  1- zero\n  2: one\n  3- between\n  --\n  9- before\n  10: two\nb.cc\n  4: three");
}

TEST_CASE("a page has its own results and their context, and the total") {
  SearchPage page = page_of(kTwoFiles, {.offset = 1, .most = 1, .context = 1});
  CHECK(page.shown() == 1);
  CHECK(page.results() == 3);
  CHECK(page.take() == "a.cc\n  9- before\n  10: two");
}

TEST_CASE("a page that is too long ends before a result, not inside") {
  SearchPage page = page_of(kTwoFiles, {.context = 0, .most_bytes = 20});
  CHECK(page.shown() == 1);
  CHECK(page.results() == 3);
}

TEST_CASE("names and lines with control characters cannot forge others") {
  const SearchPage::Choice choice{};
  CHECK(page_of("./a\n./b\0"
                "1:x\n"sv,
                choice)
            .take() == "a\\n./b\n  1: x");
  CHECK(page_of("./a\0"
                "1:x\0./b\0"
                "2:y\n"sv,
                choice)
            .take() == "a\n  1: x\\x00./b\\x002:y");
  CHECK(page_of("./a\0"
                "1:\x1b[31m\tred\xff\n"sv,
                choice)
            .take() == "a\n  1: \\x1b[31m\tred\xEF\xBF\xBD");
}

TEST_CASE("what the end of the output cuts off is left out") {
  for (const std::string_view rest : {"./c"sv, "./c\0"sv,
                                      "./c\0"
                                      "1"sv,
                                      "./c\0"
                                      "1:cut"sv}) {
    CHECK(page_of("./a\0"
                  "1:x\n"s.append(rest),
                  {})
              .results() == 1);
  }
}

TEST_CASE("notices about binary files are counted, and are no results") {
  constexpr std::string_view output =
      "./a\0"
      "1:x\n"
      "./a: WARNING: stopped searching binary file after match (found \"\\0\" byte around offset "
      "9)\n"
      "./b\0"
      "1:y\n"
      "./c: binary file matches (found \"\\0\" byte around offset 9)\n"sv;
  SearchPage page({});
  const SearchTail tail = read_search(output, SearchMode::kContent,
                                      [&](const SearchRecord& record) { page.add(record); });
  CHECK(tail.binary == 2);
  CHECK(page.take() == "a\n  1: x\nb\n  1: y");
}

TEST_CASE("files and counts are one result a file") {
  SearchPage files = page_of("./a\0./b\nc\0"sv, {.mode = SearchMode::kFiles});
  CHECK(files.results() == 2);
  CHECK(files.take() == "a\nb\\nc");
  SearchPage counts = page_of(
      "./a\0"
      "3\n./b\0"
      "4\n"sv,
      {.mode = SearchMode::kCount, .prefix = "/usr/"});
  CHECK(counts.counted() == 7);
  CHECK(counts.take() == "/usr/a: 3\n/usr/b: 4");
}

TEST_CASE("complaints are places that could not be read, or the reason of a refusal") {
  const SearchComplaints some = read_complaints(
      "rg: ./x: Permission denied (os error 13)\nregex parse error:\n    a(\n     ^\n");
  CHECK(some.unreadable == 1);
  CHECK(some.refusal == "regex parse error:\n    a(\n     ^");
}

}  // namespace
}  // namespace mayfly::tools
