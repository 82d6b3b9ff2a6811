#include "files/unified_diff.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "base/text.h"
#include "catch_shim.h"
#include "files/edit.h"
#include "files/line_diff.h"
#include "skip.h"

namespace mayfly::files {
namespace {

using test::contains;

// Applies a diff as strictly as can be: every line that it names must be what it says.
std::string patched(const std::string& text, const std::string& diff) {
  const auto lines = split_lines(text);
  const auto script = split_lines(diff);
  std::string out;
  std::size_t at = 0;
  std::size_t written = 0;
  for (std::size_t i = 2; i < script.size();) {
    unsigned long old_start = 0, old_count = 0, new_start = 0, new_count = 0;
    const std::string header(script[i++]);
    REQUIRE(std::sscanf(header.c_str(), "@@ -%lu,%lu +%lu,%lu @@", &old_start, &old_count,
                        &new_start, &new_count) == 4);
    const std::size_t start = old_count == 0 ? old_start : old_start - 1;
    REQUIRE(start >= at);
    while (at < start) out += lines.at(at++), ++written;
    REQUIRE(written == (new_count == 0 ? new_start : new_start - 1));
    while (old_count > 0 || new_count > 0) {
      REQUIRE(i < script.size());
      const char sign = script[i].front();
      std::string line(script[i++].substr(1));
      if (i < script.size() && script[i].front() == '\\') {
        line.pop_back();
        ++i;
      }
      if (sign != '+') {
        REQUIRE(lines.at(at++) == line);
        --old_count;
      }
      if (sign != '-') {
        out += line;
        ++written;
        --new_count;
      }
    }
  }
  while (at < lines.size()) out += lines[at++];
  return out;
}

std::string random_text(std::mt19937& random, int most_lines, int letters) {
  std::string text;
  const int lines = static_cast<int>(random() % static_cast<unsigned>(most_lines + 1));
  for (int i = 0; i < lines; ++i) {
    text += static_cast<char>('a' + random() % static_cast<unsigned>(letters));
    if (random() % 5 == 0) text += "\r";
    text += '\n';
  }
  if (random() % 3 == 0 && !text.empty()) text.pop_back();
  return text;
}

TEST_CASE("equal texts have no diff") { CHECK(unified_diff("a\n", "a\n", "x").empty()); }

TEST_CASE("a diff has three lines of context, names and counts") {
  CHECK(
      unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", "dir/f.txt") ==
      "--- a/dir/f.txt\n+++ b/dir/f.txt\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST_CASE("changes that are near share a hunk and others do not") {
  std::string before;
  for (int i = 1; i <= 30; ++i) before += std::to_string(i) + "\n";
  const auto hunks = [&](int second) {
    std::vector<Edit> edits = {{"\n5\n", "\nx\n"}, {"\n" + std::to_string(second) + "\n", "\ny\n"}};
    std::uint64_t replacements = 0;
    const std::string after = apply(before, edits, Matching::kExact, replacements).value();
    const std::string diff = unified_diff(before, after, "f");
    CHECK(patched(before, diff) == after);
    int count = 0;
    for (std::size_t at = diff.find("@@ -"); at != std::string::npos;
         at = diff.find("@@ -", at + 1))
      ++count;
    return count;
  };
  CHECK(hunks(12) == 1);
  CHECK(hunks(13) == 2);
}

TEST_CASE("a missing line end is told") {
  CHECK(unified_diff("a", "a\n", "f") ==
        "--- a/f\n+++ b/f\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

TEST_CASE("a diff of random texts makes one of the other") {
  std::mt19937 random(1);
  for (int i = 0; i < 4000; ++i) {
    const int letters = 1 + static_cast<int>(random() % 12);
    const std::string before = random_text(random, 40, letters);
    const std::string after = random_text(random, 40, letters);
    const std::string diff = unified_diff(before, after, "f");
    REQUIRE(patched(before, diff) == after);
  }
}

// The length of the longest common subsequence, the plain way.
std::size_t common_lines(const std::vector<std::string_view>& a,
                         const std::vector<std::string_view>& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (const auto line : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = line == b[j] ? diagonal + 1 : std::max(row[j], above);
      diagonal = above;
    }
  }
  return row.back();
}

TEST_CASE("a diff is the shortest there is, unless the work for that is too much") {
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    const std::string before = random_text(random, 30, 4);
    const std::string after = random_text(random, 30, 4);
    const auto a = split_lines(before);
    const auto b = split_lines(after);
    const auto kept = [&](std::uint64_t work) {
      const LineDiff diff = diff_lines(a, b, work);
      std::vector<std::string_view> left, right;
      for (std::size_t j = 0; j < a.size(); ++j) {
        if (!diff.removed[j]) left.push_back(a[j]);
      }
      for (std::size_t j = 0; j < b.size(); ++j) {
        if (!diff.added[j]) right.push_back(b[j]);
      }
      REQUIRE(left == right);
      return left.size();
    };
    REQUIRE(kept(1'000'000) == common_lines(a, b));
    REQUIRE(kept(random() % 200) <= common_lines(a, b));
  }
}

TEST_CASE("texts made to be slow to compare are diffed all the same") {
  std::mt19937 random(3);
  std::string before, after;
  for (int i = 0; i < 40'000; ++i) {
    before += random() % 2 == 0 ? "a\n" : "b\n";
    after += random() % 2 == 0 ? "a\n" : "b\n";
  }
  const std::string diff = unified_diff(before, after, "f");
  CHECK(patched(before, diff) == after);
}

TEST_CASE("of too many changed lines the whole changed part is one hunk") {
  std::string before = "1\n2\n3\n4\n", after = before;
  for (int i = 0; i < 250'000; ++i) {
    before += "x\n";
    after += "y\n";
  }
  before += "5\n6\n7\n8\n9\n";
  after += "5\n6\n7\n8\n9";
  const std::string diff = unified_diff(before, after, "f");
  CHECK_THAT(diff.substr(0, 200), contains("@@ -2,250008 +2,250008 @@\n 2\n 3\n 4\n-x\n"));
  CHECK(patched(before, diff) == after);
}

TEST_CASE("a diff is cut at the end of a line, and says so") {
  std::string before, after;
  for (int i = 0; i < 100; ++i) {
    before += "old " + std::to_string(i) + "\n";
    after += "new " + std::to_string(i) + "\n";
  }
  const std::string whole = unified_diff(before, after, "f");
  for (std::size_t max = 0; max <= whole.size(); ++max) {
    const CutDiff diff = unified_diff(before, after, "f", max);
    REQUIRE(diff.text.size() <= max);
    REQUIRE(diff.cut == (max < whole.size()));
    REQUIRE(whole.starts_with(diff.text));
    REQUIRE((diff.text.empty() || diff.text.back() == '\n'));
  }
}

TEST_CASE("a file's name cannot forge a line of the diff") {
  const std::string diff = unified_diff("a\n", "b\n", "x\n+++ b/other\n\xFF\"\\");
  CHECK_THAT(diff, contains("--- \"a/x\\012+++ b/other\\012\\377\\\"\\\\\"\n"));
  CHECK(text::is_utf8(diff));
  CHECK_THAT(unified_diff("a\n", "b\n", "with blank"), contains("--- a/with blank\t\n"));
}

// `command` runs in a fresh directory that has "f" with `before` and "d" with the diff.
bool applied_by(const std::string& command, const std::string& before, const std::string& after) {
  char name[] = "/tmp/mayfly-diff-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::filesystem::path dir = name;
  std::ofstream(dir / "f", std::ios::binary) << before;
  std::ofstream(dir / "d", std::ios::binary) << unified_diff(before, after, "f");
  const int status = std::system(("cd " + dir.string() + " && " + command).c_str());
  std::ifstream file(dir / "f", std::ios::binary);
  const std::string result((std::istreambuf_iterator<char>(file)), {});
  std::filesystem::remove_all(dir);
  return status == 0 && result == after;
}

void check_accepted_by(const std::string& program, const std::string& command) {
  if (std::system(("command -v " + program + " >/dev/null").c_str()) != 0) {
    test::skip(program + " is not installed");
  }
  std::mt19937 random(4);
  for (int i = 0; i < 12; ++i) {
    const std::string before = "first\n" + random_text(random, 30, 5);
    const std::string after = "first\n" + random_text(random, 30, 5);
    if (before == after) continue;
    INFO(unified_diff(before, after, "f"));
    CHECK(applied_by(command, before, after));
  }
}

TEST_CASE("git accepts the diffs") {
  check_accepted_by("git", "GIT_CEILING_DIRECTORIES=/tmp git apply --whitespace=nowarn d");
}

TEST_CASE("patch accepts the diffs") { check_accepted_by("patch", "patch -s --binary -p1 <d"); }

}  // namespace
}  // namespace mayfly::files
