#include "files/edit.h"

#include <string>
#include <vector>

#include "catch_shim.h"
#include "files/text_file.h"

namespace mayfly::files {
namespace {

using test::contains;

Result<std::string> edited(const std::string& text, const std::vector<Edit>& edits,
                           Matching matching = Matching::kExact) {
  std::uint64_t replacements = 0;
  return apply(text, edits, matching, replacements);
}

Error refusal(const std::string& text, const std::vector<Edit>& edits,
              Matching matching = Matching::kExact) {
  const auto result = edited(text, edits, matching);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::kInvalidArgument);
  return result.error();
}

TEST_CASE("edits are made in order, and each sees what the ones before it did") {
  std::uint64_t replacements = 9;
  const auto result =
      apply("one two", {{"one", "three"}, {"three two", "four"}}, Matching::kExact, replacements);
  CHECK(result.value() == "four");
  CHECK(replacements == 2);
}

TEST_CASE("replace_all replaces every place, without overlap, and counts them") {
  std::uint64_t replacements = 0;
  CHECK(apply("aaaaa", {{"aa", "b", true}}, Matching::kExact, replacements).value() == "bba");
  CHECK(replacements == 2);
}

TEST_CASE("an edit with empty old text is refused and write_file is named") {
  const Error error = refusal("text", {{"text", "a"}, {"", "new"}});
  CHECK(error.field == "edits[1].old");
  CHECK_THAT(error.remedy, contains("write_file"));
}

TEST_CASE("an edit that changes nothing, and no edit at all, are refused") {
  CHECK(refusal("text", {{"text", "text"}}).field == "edits[0].new");
  CHECK(refusal("text", {}).field == "edits");
}

TEST_CASE("several matches are refused with the lines at which they start") {
  const Error error = refusal("x\na\nx\n\nx x\n", {{"x", "y"}});
  CHECK(error.field == "edits[0].old");
  CHECK_THAT(error.message, contains("4 times, at the lines 1, 3, 5, 5;"));
  CHECK_THAT(error.message, contains("nothing was changed"));
  CHECK_THAT(error.remedy, contains("replace_all"));
}

TEST_CASE("of very many matches the first ten lines are named") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "same\n";
  const Error error = refusal(text, {{"same", "other"}});
  CHECK_THAT(error.message, contains("more than 10 times"));
  CHECK_THAT(error.message, contains("8, 9, 10, …;"));
}

TEST_CASE("places that overlap are several") {
  CHECK_THAT(refusal("aaa", {{"aa", "b"}}).message, contains("2 times"));
}

TEST_CASE("a miss shows the nearest lines with their numbers, and says that nothing was changed") {
  const std::string text =
      "int main() {\n  int count = 0;\n  for (int i = 0; i < 10; ++i) {\n    count += i;\n  }\n"
      "  return count;\n}\n";
  const Error error =
      refusal(text, {{"  for (int i = 0; i < 20; ++i) {\n    count += i;\n  }\n", "x"}});
  CHECK(error.field == "edits[0].old");
  CHECK_THAT(error.message, contains("nothing was changed"));
  CHECK_THAT(error.message, contains("line 3 to 5"));
  CHECK(error.details == "3\t  for (int i = 0; i < 10; ++i) {\n4\t    count += i;\n5\t  }");
}

TEST_CASE("a miss of part of a line finds the line") {
  std::string text;
  for (int i = 0; i < 500; ++i)
    text += "  value_" + std::to_string(i) + " = compute(" + std::to_string(i * 7) +
            ");  // and a long remark behind\n";
  const Error error = refusal(text, {{"value_321 = comptue(2247);", "x"}});
  CHECK_THAT(error.message, contains("line 322"));
  CHECK_THAT(error.details, contains("322\t"));
}

TEST_CASE("a miss names what alone differs") {
  const auto note = [](const std::string& text, const std::string& wanted) {
    return refusal(text, {{wanted, "replaced"}}).message;
  };
  CHECK_THAT(note("if (a) {\n    call_it();\n}\n", "if (a) {\n  call_it();\n}\n"),
             contains("only the indentation differs"));
  CHECK_THAT(note("some = value ;\n", "some  =  value ;"), contains("only blanks, tabs"));
  CHECK_THAT(note("Some Value Here\n", "some value here"), contains("only upper and lower case"));
  CHECK_THAT(note("say “hello” to them\n", "say \"hello\" to them"),
             contains("only quotation marks"));
  CHECK_THAT(note("first line\nsecond line\n", "    1\tfirst line\n    2\tsecond line\n"),
             contains("line numbers in front"));
}

TEST_CASE("a miss of something that an earlier edit took away says so") {
  const Error error = refusal("old name\n", {{"old name", "new name"}, {"old name", "x"}});
  CHECK(error.field == "edits[1].old");
  CHECK_THAT(error.message, contains("before the earlier edits"));
}

TEST_CASE("a miss in a text that has nothing like it says that") {
  CHECK_THAT(refusal("zzzzzz\nyyyyyy\n", {{"completely different", "x"}}).message,
             contains("Nothing in it is much like that"));
  CHECK_THAT(refusal("", {{"anything", "x"}}).message, contains("The file is empty"));
}

TEST_CASE("what a miss shows is bounded, however long and many the lines are") {
  std::string wide;
  std::string wanted;
  for (int i = 0; i < 50; ++i) {
    wide += std::string(40'000, 'q') + std::to_string(i) + "\n";
    wanted += std::string(1000, 'q') + "\n";
  }
  CHECK(refusal(wide, {{wanted, "x"}}).details.size() < 2500);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "the line number " + std::to_string(i) + "\n";
  std::string block = many;
  block[7] = 'X';
  const std::string details = refusal(many, {{block, "x"}}).details;
  CHECK(details.size() < 2500);
  CHECK_THAT(details, contains("\n12\tthe line number 11"));
}

TEST_CASE("control characters of a near miss are shown, not sent") {
  const std::string message =
      refusal("a \x1b[31mred\x1b[0m word\n", {{"a red wordd", "x"}}).details;
  CHECK(message.find('\x1b') == std::string::npos);
}

TEST_CASE("a large text made to be slow is answered all the same") {
  // Each would take minutes if the time were the product of the lengths.
  const std::string same(1U << 20, 'a');
  std::string almost(256U << 10, 'a');
  almost.back() = 'b';
  refusal(same, {{almost, "x"}});
  std::string lines;
  while (lines.size() < (256U << 10)) lines += "a\n";
  refusal(lines, {{lines.substr(0, 128U << 10) + "b\n", "x"}});
  refusal(lines, {{lines.substr(0, 128U << 10) + "b\n", "x"}}, Matching::kLooseWhitespace);
  CHECK(edited(same, {{"a", "\n", true}}).value() == std::string(same.size(), '\n'));
}

TEST_CASE("edits that would make a file too large are refused before memory runs out") {
  const std::string text(1U << 20, 'a');
  const Error error = refusal(text, {{"a", std::string(1U << 20, 'b'), true}});
  CHECK(error.field == "edits[0].new");
  CHECK_THAT(error.message, contains("64 MiB"));
}

TEST_CASE("text of any bytes can be edited") {
  using std::string_literals::operator""s;
  CHECK(edited("a\0b\xFF"s, {{"\0b"s, "c"}}).value() == "ac\xFF");
}

}  // namespace
}  // namespace mayfly::files
