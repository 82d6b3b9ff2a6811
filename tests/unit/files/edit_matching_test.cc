#include <string>
#include <vector>

#include "catch_shim.h"
#include "files/edit.h"

namespace mayfly::files {
namespace {

using test::contains;

std::string edited(const std::string& text, const std::vector<Edit>& edits,
                   Matching matching = Matching::kExact) {
  std::uint64_t replacements = 0;
  const auto result = apply(text, edits, matching, replacements);
  return result ? *result : "refused: " + result.error().message;
}

std::string loosely(const std::string& text, const std::vector<Edit>& edits) {
  return edited(text, edits, Matching::kLooseWhitespace);
}

TEST_CASE("an edit written with LF is made in a text with CR LF, and its lines end so too") {
  CHECK(edited("a\r\nb\r\nc\r\n", {{"a\nb\n", "x\ny\nz\n"}}) == "x\r\ny\r\nz\r\nc\r\n");
  CHECK(edited("a\r\nb\r\nc\r\n", {{"\nb", ""}}) == "a\r\nc\r\n");
  CHECK(edited("a\r\nb\r\nc\r\n", {{"b", "x\ny"}}) == "a\r\nx\r\ny\r\nc\r\n");
  CHECK(edited("a\r\nb", {{"b", "x\ny"}}) == "a\r\nx\r\ny");
  CHECK(edited("a\r\nb\r\n", {{"a\nb", "x"}}) == "x\r\n");
}

TEST_CASE("an edit written with CR LF is made in a text with LF") {
  CHECK(edited("a\nb\nc\n", {{"a\r\nb\r\n", "x\r\n"}}) == "x\nc\n");
}

TEST_CASE("line ends that are written out are replaced as written") {
  CHECK(edited("a\r\nb\r\n", {{"\r\n", "\n", true}}) == "a\nb\n");
  CHECK(edited("a\r\nb\r\n", {{"\r", "", true}}) == "a\nb\n");
}

TEST_CASE("in a text with both line ends the exact place is preferred, and each keeps its own") {
  CHECK(edited("a\r\nb\r\n--\na\nb\n", {{"a\nb\n", "x\ny\n"}}) == "a\r\nb\r\n--\nx\ny\n");
  CHECK(edited("a\r\nb\r\n--\na\nb\n", {{"a\nb\n", "x\ny\n", true}}) == "x\r\ny\r\n--\nx\ny\n");
}

TEST_CASE("a text with one line end only in a distant place keeps it there") {
  CHECK(edited("a\nb\nc\r\n", {{"b", "x\ny"}}) == "a\nx\ny\nc\r\n");
}

TEST_CASE("exact matching takes no blank for another") {
  CHECK_THAT(edited("a  b\n", {{"a b", "x"}}), contains("refused"));
}

TEST_CASE("loose matching takes runs of blanks for one and no account of those at line ends") {
  CHECK(loosely("f(a,\t b);  \nnext\n", {{"f(a, b);\nnext", "g();"}}) == "g();\n");
  CHECK_THAT(loosely("f(a,b)\n", {{"f(a, b)", "g"}}), contains("refused"));
}

TEST_CASE("loose matching must be of one place, too") {
  CHECK_THAT(loosely("a  b\na b\n", {{"a b", "x"}}), contains("2 times, at the lines 1, 2;"));
  CHECK(loosely("a  b\na\tb\n", {{"a b", "x", true}}) == "x\nx\n");
}

TEST_CASE("what comes in place of a loose match is indented as that was") {
  CHECK(loosely("class A:\n    def f():\n        pass\n",
                {{"def f():\n    pass", "def f():\n    return 1\n\n    # end"}}) ==
        "class A:\n    def f():\n        return 1\n\n        # end\n");
  CHECK(loosely("{\n\tif (a) {\n\t\tb();\n\t}\n}\n",
                {{"    if (a) {\n        b();\n    }\n", "    if (c) {\n        d();\n    }\n"}}) ==
        "{\n\tif (c) {\n\t\td();\n\t}\n}\n");
  CHECK(loosely("  a\n  b\n", {{"      a\n      b\n", "      c\n    d\n"}}) == "  c\nd\n");
  CHECK(loosely("    foo()\n", {{"foo()", "foo()\nbar()"}}) == "    foo()\n    bar()\n");
}

TEST_CASE("a loose match that was copied from behind its indentation keeps that of the others") {
  CHECK(loosely("    call(a,\n         b)\n", {{"call(a,\n         b)", "call(c,\n         d)"}}) ==
        "    call(c,\n         d)\n");
  CHECK(loosely("    a = 1\n    b = 2\n", {{"a = 1\n    b  = 2", "a = 3\n    b = 4"}}) ==
        "    a = 3\n    b = 4\n");
}

TEST_CASE("loose matching tells a line that is deeper from one that is not") {
  const std::string text = "if a:\n    x()\ny()\n";
  CHECK_THAT(loosely(text, {{"if a:\n    x()\n    y()\n", "z()\n"}}), contains("refused"));
  CHECK(loosely(text, {{"if a:\n  x()\ny()\n", "z()\n"}}) == "z()\n");
}

TEST_CASE("loose matching leaves the text around the place byte for byte") {
  CHECK(loosely("\t a  \r\n\tb  c \r\n  d\t\r\n", {{"b c", "x"}}) == "\t a  \r\n\tx \r\n  d\t\r\n");
  CHECK(loosely("keep  \n  a\n  b\n", {{"a\n  ", "c\n  "}}) == "keep  \n  c\n  b\n");
}

TEST_CASE("loose matching keeps CR LF") {
  CHECK(loosely("  a \r\n  b\r\nc\r\n", {{"a\nb\n", "x\ny\n"}}) == "  x\r\n  y\r\nc\r\n");
}

TEST_CASE("loose matching of blank lines only, or of the marks that it uses, is refused") {
  CHECK_THAT(loosely("a\n\nb\n", {{" \n", "x"}}), contains("refused"));
  CHECK_THAT(loosely("  a\n", {{"\2a", "x"}}), contains("refused"));
  CHECK_THAT(loosely("a\n", {{"\2", "x"}}), contains("refused"));
}

}  // namespace
}  // namespace mayfly::files
