#include "sandbox/path_rules.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catch_shim.h"

namespace mayfly::sandbox {

TEST_CASE("a star is any run of characters of one component") {
  CHECK(matches("/w/*.key", "/w/a.key"));
  CHECK(matches("/w/*.key", "/w/.key"));
  CHECK(matches("/w/*", "/w/.hidden"));
  CHECK(matches("/w/a*b*c", "/w/axxbyyc"));
  CHECK(matches("/w/*", "/w/line\nbreak"));
  CHECK_FALSE(matches("/w/*.key", "/w/a.keys"));
  CHECK_FALSE(matches("/w/*.key", "/w/d/a.key"));
  CHECK_FALSE(matches("/w/*", "/w"));
}

TEST_CASE("two stars are any number of components, none included") {
  CHECK(matches("/w/**/.env", "/w/.env"));
  CHECK(matches("/w/**/.env", "/w/a/b/c/.env"));
  CHECK(matches("/**/.env", "/.env"));
  CHECK(matches("/w/**", "/w/a/b"));
  CHECK(matches("/w/**/a/**/b", "/w/x/a/a/y/b"));
  CHECK(matches("/w/**/**/b", "/w/b"));
  CHECK_FALSE(matches("/w/**/.env", "/w/.env/below"));
  CHECK_FALSE(matches("/w/**/.env", "/other/.env"));
  CHECK_FALSE(matches("/w/**/a/**/b", "/w/b/a"));
}

TEST_CASE("two stars with anything beside them are like one") {
  CHECK(matches("/w/a**", "/w/abc"));
  CHECK_FALSE(matches("/w/a**", "/w/a/b"));
}

TEST_CASE("question marks and sets stand for one character") {
  CHECK(matches("/w/?", "/w/x"));
  CHECK_FALSE(matches("/w/?", "/w/xy"));
  CHECK_FALSE(matches("/w/?", "/w/"));
  CHECK(matches("/w/[abc]", "/w/b"));
  CHECK(matches("/w/[a-f0-9]", "/w/7"));
  CHECK(matches("/w/[!a]", "/w/b"));
  CHECK(matches("/w/[]x]", "/w/]"));
  CHECK(matches("/w/[a-]", "/w/-"));
  CHECK_FALSE(matches("/w/[abc]", "/w/d"));
  CHECK_FALSE(matches("/w/[!a]", "/w/a"));
  CHECK_FALSE(matches("/w/[a-f]", "/w/g"));
}

TEST_CASE("a set that never ends, and what a backslash stands before, is itself") {
  CHECK(matches("/w/[ab", "/w/[ab"));
  CHECK(matches("/w/\\*", "/w/*"));
  CHECK(matches("/w/\\[a]", "/w/[a]"));
  CHECK(matches("/w/a\\", "/w/a\\"));
  CHECK_FALSE(matches("/w/\\*", "/w/x"));
}

TEST_CASE("only what has a special character is a pattern") {
  for (const char* pattern : {"/w/*", "/w/?", "/w/[a]", "/w/\\*", "/**/x"})
    CHECK(is_pattern(pattern));
  CHECK_FALSE(is_pattern("/w/.env"));
  CHECK_FALSE(is_pattern("/w/a]b"));
}

TEST_CASE("the fixed directory is above everything that can match") {
  CHECK(fixed_directory("/w/**/.env") == "/w");
  CHECK(fixed_directory("/w/a/b*") == "/w/a");
  CHECK(fixed_directory("/*/x") == "/");
  CHECK(fixed_directory("/x*") == "/");
  CHECK(fixed_directory("/w/a\\*b/c*") == "/w/a*b");
  CHECK(fixed_directory("/w/plain") == "/w");
}

TEST_CASE("a walk knows which directories cannot hold a match") {
  const PathPattern pattern("/w/*/keys/*.key");
  CHECK(pattern.follow("/w").open());
  CHECK(pattern.follow("/w/any/keys").open());
  CHECK_FALSE(pattern.follow("/w/any/other").open());
  CHECK_FALSE(pattern.follow("/other").open());
  CHECK(pattern.follow("/w/any/keys/a.key").complete());
  CHECK_FALSE(pattern.follow("/w/any/keys/a.key").open());
  CHECK_FALSE(pattern.follow("/w/any/keys").complete());
  const PathPattern deep("/w/**/a/b");
  CHECK(deep.follow("/w/x/y/z").open());
  CHECK(deep.follow("/w/a/b").complete());
  CHECK(deep.follow("/w/a/b").open());
}

TEST_CASE("names and patterns made to be slow are not") {
  std::string stars = "/w/";
  for (int i = 0; i < 2'000; ++i) stars += "*a";
  CHECK_FALSE(matches(stars, "/w/" + std::string(200, 'a') + "b"));
  std::string deep = "/w";
  std::string path = "/w";
  for (int i = 0; i < 200; ++i) {
    deep += "/**/a";
    path += "/a";
  }
  CHECK_FALSE(matches(deep + "/b", path));
  CHECK(matches(deep, path));
}

TEST_CASE("what matches on this host is found without following links") {
  char name[] = "/tmp/rules-XXXXXX";
  const std::string top = ::mkdtemp(name);
  std::filesystem::create_directories(top + "/a/b");
  std::filesystem::create_directory_symlink(top + "/a", top + "/link");
  for (const char* file : {"/x.key", "/a/b/y.key", "/a/other"}) std::ofstream(top + file) << "";
  CHECK(find_matches(top + "/**/*.key") ==
        std::vector<std::string>{top + "/a/b/y.key", top + "/x.key"});
  CHECK(find_matches(top + "/*.key") == std::vector<std::string>{top + "/x.key"});
  CHECK(find_matches(top + "/a/?").size() == 1);
  CHECK(find_matches(top + "/absent/*").empty());
  std::filesystem::remove_all(top);
}

}  // namespace mayfly::sandbox
