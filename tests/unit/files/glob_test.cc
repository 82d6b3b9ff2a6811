#include "files/glob.h"

#include <string>

#include "catch_shim.h"

namespace mayfly::files {
namespace {

bool matches(const std::string& pattern, const std::string& path, bool directory = false) {
  Work work{100'000'000};
  return Glob::parse(pattern).value().matches(path, directory, work);
}

TEST_CASE("a glob without a slash is of names") {
  CHECK(matches("", "any/thing"));
  CHECK(matches("*.cc", "a/b/c.cc"));
  CHECK_FALSE(matches("*.cc", "a/b/c.h"));
  CHECK_FALSE(matches("*.cc", "c.cc/d"));
  CHECK(matches("a?c", "abc"));
  CHECK(matches("a[b-d]c", "x/acc"));
  CHECK_FALSE(matches("a[!b-d]c", "acc"));
  CHECK(matches("[[:upper:]]*", "Makefile"));
  CHECK(matches("\\*", "*"));
  CHECK_FALSE(matches("\\*", "x"));
  CHECK_FALSE(matches("A", "a"));
}

TEST_CASE("a glob with a slash is of paths, and its stars stop at slashes") {
  CHECK(matches("src/*.cc", "src/a.cc"));
  CHECK_FALSE(matches("src/*.cc", "src/a/b.cc"));
  CHECK_FALSE(matches("src/*.cc", "lib/src/a.cc"));
  CHECK_FALSE(matches("a[/]b/c", "a/b/c"));
  CHECK(matches("/a", "a"));
  CHECK_FALSE(matches("/a", "b/a"));
}

TEST_CASE("two stars span directories, also none") {
  for (const char* path : {"a.cc", "x/a.cc", "x/y/a.cc"}) CHECK(matches("**/*.cc", path));
  for (const char* path : {"x/a", "x/y/a", "x/y/z/a"}) CHECK(matches("x/**/a", path));
  CHECK_FALSE(matches("x/**/a", "xx/a"));
  CHECK_FALSE(matches("x/**/a", "x/ya"));
  CHECK(matches("x/**", "x/y/z"));
  CHECK_FALSE(matches("x/**", "x"));
  CHECK(matches("**/t/**/*_test.{cc,h}", "a/t/b/c_test.h"));
}

TEST_CASE("braces stand for each of their parts, also nested ones") {
  CHECK(matches("*.{cc,h}", "a.h"));
  CHECK(matches("{a,b{c,d}}x", "bdx"));
  CHECK(matches("{,a}b", "b"));
  CHECK_FALSE(matches("{a,b}", "{a,b}"));
  CHECK(matches("\\{a,b\\}", "{a,b}"));
  CHECK(matches("{a", "{a"));
}

TEST_CASE("a slash at the end wants a directory") {
  CHECK(matches("b*/", "build", true));
  CHECK_FALSE(matches("b*/", "build", false));
  CHECK(matches("b*/", "a/build", true));
}

TEST_CASE("a glob that cannot be is refused") {
  for (const std::string& bad : {std::string("[a"), std::string("a\\"), std::string(5000, 'a'),
                                 std::string("[[:nothing:]]")}) {
    const auto glob = Glob::parse(bad);
    REQUIRE_FALSE(glob);
    CHECK(glob.error().field == "glob");
    CHECK(glob.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("braces that stand for too much are refused at once") {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "{a,b,c}";
  CHECK_FALSE(Glob::parse(pattern));
  // Deep, and of one thing only.
  CHECK(Glob::parse(std::string(2000, '{') + "a" + std::string(2000, '}')));
}

TEST_CASE("a pattern of many stars needs no more than its work, and then matches nothing") {
  std::string pattern = "**/";
  std::string path;
  for (int i = 0; i < 60; ++i) {
    pattern += "*a*a/**/";
    path += "aaaaaaaaaaaaaaaaaaaaaaaaa/";
  }
  Work work{50'000'000};
  CHECK_FALSE(Glob::parse(pattern + "b").value().matches(path + "c", false, work));
  CHECK(work.left > 0);
  Work little{10};
  CHECK_FALSE(Glob::parse("*a*a*a*b").value().matches("aaaaaaaaaaaaaaaaaaab", false, little));
  CHECK(little.left == 0);
}

}  // namespace
}  // namespace mayfly::files
