#include "files/ignore_rules.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "catch_shim.h"
#include "files/list.h"
#include "skip.h"
#include "tree.h"

namespace mayfly::files {
namespace {

using Verdict = IgnoreRules::Verdict;

Verdict judge(const std::string& rules, const std::string& path, bool directory = false) {
  Work work{1'000'000};
  return IgnoreRules(rules).judge(path, directory, work);
}

TEST_CASE("the last rule that matches decides") {
  CHECK(judge("*.o\n!keep.o\n", "a/x.o") == Verdict::kIgnored);
  CHECK(judge("*.o\n!keep.o\n", "a/keep.o") == Verdict::kKept);
  CHECK(judge("!keep.o\n*.o\n", "keep.o") == Verdict::kIgnored);
  CHECK(judge("*.o\n", "x.c") == Verdict::kNone);
}

TEST_CASE("rules with a slash are of paths from their directory, others of names below it") {
  CHECK(judge("/build\n", "build") == Verdict::kIgnored);
  CHECK(judge("/build\n", "a/build") == Verdict::kNone);
  CHECK(judge("doc/*.txt\n", "doc/a.txt") == Verdict::kIgnored);
  CHECK(judge("doc/*.txt\n", "x/doc/a.txt") == Verdict::kNone);
  CHECK(judge("a/**/b\n", "a/x/y/b") == Verdict::kIgnored);
  CHECK(judge("foo/\n", "x/foo", true) == Verdict::kIgnored);
  CHECK(judge("foo/\n", "x/foo", false) == Verdict::kNone);
}

TEST_CASE("comments, escapes, blanks at the end, CR and a byte order mark are read as git does") {
  CHECK(judge("#a\n", "#a") == Verdict::kNone);
  CHECK(judge("\\#a\n", "#a") == Verdict::kIgnored);
  CHECK(judge("\\!a\n", "!a") == Verdict::kIgnored);
  CHECK(judge("a  \n", "a") == Verdict::kIgnored);
  CHECK(judge("a\\ \n", "a ") == Verdict::kIgnored);
  CHECK(judge("a\\  \n", "a ") == Verdict::kIgnored);
  CHECK(judge("a\r\n", "a") == Verdict::kIgnored);
  CHECK(judge("\xEF\xBB\xBF"
              "a",
              "a") == Verdict::kIgnored);
  CHECK(judge("\n/\n!\n\\\n[a\n", "a") == Verdict::kNone);
}

std::vector<ListEntry> entries_of(int directory, const ListRequest& request) {
  return list(directory, request).value().entries;
}

int run(const std::string& command) { return std::system(command.c_str()); }

// The paths that git has for ignored, of all those in the tree.
std::set<std::string> ignored_by_git(const test::Tree& tree) {
  REQUIRE(run("cd " + tree.path.string() +
              " && find . -mindepth 1 -path ./.git -prune -o -printf '%P\\n' | "
              "git check-ignore --no-index --stdin >../" +
              tree.path.filename().string() + ".out; test $? -le 1") == 0);
  const std::string out = tree.path.string() + ".out";
  std::ifstream file(out);
  std::set<std::string> paths;
  for (std::string line; std::getline(file, line);) paths.insert(line);
  std::filesystem::remove(out);
  return paths;
}

TEST_CASE("git has the same files for ignored, whatever the rules are") {
  if (run("command -v git >/dev/null") != 0) test::skip("git is not installed");
  const std::vector<std::string> names = {"a", "b", "ab", "a.o", "b.c", "foo"};
  const std::vector<std::string> parts = {
      "a", "b", "*", "**",  "?",   "[ab]", "[!a]", "foo", ".o", "*.o", "f*",
      "/", "/", "/", "**/", "/**", "\\",   "\\a",  " ",   "]",  "[a-", "[[:alpha:]]"};
  std::mt19937 random(7);
  const auto pick = [&](const auto& from) { return from[random() % from.size()]; };
  for (int round = 0; round < 25; ++round) {
    const test::Tree tree;
    REQUIRE(run("git init -q " + tree.path.string()) == 0);
    std::vector<std::string> directories = {""};
    for (int i = 0; i < 40; ++i) {
      const std::string base = pick(directories);
      const std::string name = base + pick(names);
      if (std::filesystem::exists(tree.path / name)) continue;
      if (random() % 2 == 0) {
        tree.add(name + "/");
        directories.push_back(name + "/");
      } else {
        tree.add(name);
      }
    }
    const auto rules = [&] {
      std::string text;
      for (auto i = random() % 5; i > 0; --i) {
        std::string rule = random() % 3 == 0 ? "!" : "";
        for (auto j = 1 + random() % 5; j > 0; --j) rule += pick(parts);
        text += rule + (random() % 4 == 0 ? "/" : "") + "\n";
      }
      return text;
    };
    std::string all;
    for (const std::string& directory : directories) {
      if (directory.empty() || random() % 4 == 0) {
        const std::string text = rules();
        tree.add(directory + ".gitignore", text);
        all += directory + ":\n" + text;
      }
    }
    const std::string exclude = rules();
    tree.add(".git/info/exclude", exclude);
    all += "exclude:\n" + exclude;

    ListRequest request;
    request.depth = 90;
    request.max_entries = 10'000;
    request.ignore = IgnoreFiles::kHonour;
    const OwnedFd top = tree.open();
    std::set<std::string> shown;
    for (const ListEntry& entry : entries_of(top.get(), request)) {
      shown.insert(entry.path);
    }
    const std::set<std::string> ignored = ignored_by_git(tree);
    request.ignore = IgnoreFiles::kDisregard;
    for (const ListEntry& entry : entries_of(top.get(), request)) {
      if (entry.path == ".git" || entry.path.starts_with(".git/")) continue;
      INFO(entry.path << "\n" << all);
      REQUIRE(shown.contains(entry.path) != ignored.contains(entry.path));
    }
  }
}

}  // namespace
}  // namespace mayfly::files
