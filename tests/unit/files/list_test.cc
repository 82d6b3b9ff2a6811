#include "files/list.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"
#include "catch_shim.h"
#include "tree.h"

namespace mayfly::files {
namespace {

using test::contains;
using test::Tree;
using Kind = ListEntry::Kind;

ListAnswer listed(const Tree& tree, const ListRequest& request, const std::string& below = "",
                  const ListBounds& bounds = {}) {
  const OwnedFd directory = tree.open(below);
  const auto answer = list(directory.get(), request, bounds);
  if (!answer) FAIL(describe(answer.error()));
  return *answer;
}

std::string paths(const ListAnswer& answer) {
  std::vector<std::string> all;
  for (const ListEntry& entry : answer.entries) all.push_back(entry.path);
  return text::join(all, " ");
}

ListRequest deep(std::uint32_t depth, const std::string& glob = "") {
  ListRequest request;
  request.depth = depth;
  request.glob = glob;
  return request;
}

ListRequest honouring(std::uint32_t depth = 10) {
  ListRequest request = deep(depth);
  request.ignore = IgnoreFiles::kHonour;
  return request;
}

TEST_CASE("a directory is listed by the bytes of its names, parents before children") {
  const Tree tree;
  for (const char* name : {"b/y", "b/x/z", "a", "B", "b.c", "\xFF", ".hidden"}) tree.add(name);
  CHECK(paths(listed(tree, deep(1))) == ".hidden B a b b.c \xFF");
  CHECK(paths(listed(tree, deep(2))) == ".hidden B a b b/x b/y b.c \xFF");
  CHECK(paths(listed(tree, deep(3))) == ".hidden B a b b/x b/x/z b/y b.c \xFF");
  CHECK(listed(tree, deep(3)).total == 9);
  CHECK(listed(tree, deep(3)).total_exact);
}

TEST_CASE("an entry says what it is, how large, and where a link leads") {
  const Tree tree;
  tree.add("file", "12345");
  tree.add("program", "x");
  std::filesystem::permissions(tree.path / "program", std::filesystem::perms(0755));
  tree.add("directory/one");
  tree.add("directory/two/three");
  std::filesystem::create_symlink("/nowhere/at all", tree.path / "link");
  REQUIRE(::mkfifo((tree.path / "fifo").c_str(), 0600) == 0);
  const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{AF_UNIX, {}};
  (tree.path / "socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);

  const ListAnswer answer = listed(tree, deep(1));
  REQUIRE(paths(answer) == "directory fifo file link program socket");
  CHECK(answer.entries[0].kind == Kind::kDirectory);
  CHECK(answer.entries[0].entries_known);
  CHECK(answer.entries[0].size == 2);
  CHECK(answer.entries[1].kind == Kind::kFifo);
  CHECK(answer.entries[2].kind == Kind::kFile);
  CHECK(answer.entries[2].size == 5);
  CHECK_FALSE(answer.entries[2].executable);
  CHECK(answer.entries[2].modified_ns > 0);
  CHECK(answer.entries[3].kind == Kind::kLink);
  CHECK(answer.entries[3].link == "/nowhere/at all");
  CHECK(answer.entries[4].executable);
  CHECK(answer.entries[5].kind == Kind::kSocket);
  // What is listed itself needs no count.
  CHECK_FALSE(listed(tree, deep(2)).entries[0].entries_known);
}

TEST_CASE("links are shown and never followed") {
  const Tree tree, outside;
  outside.add("secret");
  std::filesystem::create_symlink(outside.path, tree.path / "link");
  std::filesystem::create_symlink(".", tree.path / "loop");
  CHECK(paths(listed(tree, deep(50))) == "link loop");
}

TEST_CASE("a directory that is swapped for a link meanwhile is not followed") {
  const Tree tree, outside;
  for (const char* name : {"secret", "secret-2", "secret-3"}) outside.add(name);
  tree.add("d/inside");
  std::filesystem::create_symlink(outside.path, tree.path / "other");
  const std::string d = (tree.path / "d").string(), other = (tree.path / "other").string();
  std::atomic<bool> end = false;
  std::atomic<long> swaps = 0;
  std::thread swapper([&] {
    while (!end) {
      ::renameat2(AT_FDCWD, d.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
      ++swaps;
    }
  });
  // Both are called "d" at times, and so both ways are gone.
  bool as_link = false, as_directory = false, leaked = false;
  for (int i = 0; i < 200'000 && !(as_link && as_directory && i > 5000); ++i) {
    const ListAnswer answer = listed(tree, deep(3));
    for (const ListEntry& entry : answer.entries) {
      leaked = leaked || entry.path.find("secret") != std::string::npos ||
               (entry.entries_known && entry.size == 3);
      as_link = as_link || (entry.path == "d" && entry.kind == Kind::kLink);
      as_directory = as_directory || entry.path == "d/inside";
    }
  }
  end = true;
  swapper.join();
  CHECK_FALSE(leaked);
  CHECK(as_link);
  CHECK(as_directory);
  CHECK(swaps > 0);
}

TEST_CASE("a glob chooses what is shown, not where is looked") {
  const Tree tree;
  for (const char* name : {"a.cc", "x/b.cc", "x/y/c.cc", "x/c.h", "z.cc/d"}) tree.add(name);
  CHECK(paths(listed(tree, deep(9, "*.cc"))) == "a.cc x/b.cc x/y/c.cc z.cc");
  CHECK(paths(listed(tree, deep(9, "x/*.cc"))) == "x/b.cc");
  CHECK(paths(listed(tree, deep(9, "**/y/**"))) == "x/y/c.cc");
  CHECK(paths(listed(tree, deep(9, "*.cc/"))) == "z.cc");
  CHECK(listed(tree, deep(9, "*.cc")).total == 4);
  const OwnedFd top = tree.open();
  CHECK(list(top.get(), deep(1, "[")).error().field == "glob");
}

TEST_CASE("pages that follow each other are the whole") {
  const Tree tree;
  for (int i = 0; i < 60; ++i) tree.add("d" + std::to_string(i % 7) + "/f" + std::to_string(i));
  const ListAnswer whole = listed(tree, deep(5));
  REQUIRE(whole.entries.size() == 67);
  std::string joined;
  ListRequest request = deep(5);
  request.max_entries = 10;
  for (request.offset = 0; request.offset < 67; request.offset += 10) {
    const ListAnswer page = listed(tree, request);
    CHECK(page.total == 67);
    CHECK(page.total_exact);
    joined += (joined.empty() ? "" : " ") + paths(page);
  }
  CHECK(joined == paths(whole));
  request.offset = 67;
  CHECK(listed(tree, request).entries.empty());
  request.offset = 0;
  request.max_entries = 0;
  CHECK(listed(tree, request).entries.empty());
  CHECK(listed(tree, request).total == 67);
}

TEST_CASE("ignore files are honoured when asked, and .git is left out") {
  const Tree tree;
  tree.add(".gitignore", "*.o\nbuild/\n");
  tree.add(".ignore", "!kept.o\nsecret\n");
  tree.add("sub/.gitignore", "!x.o\n/only-here\n");
  for (const char* name : {".git/config", "a.c", "a.o", "kept.o", "secret", "build/a.c", "sub/x.o",
                           "sub/y.o", "sub/only-here", "only-here"}) {
    tree.add(name);
  }
  const ListAnswer answer = listed(tree, honouring());
  CHECK(paths(answer) == ".gitignore .ignore a.c kept.o only-here sub sub/.gitignore sub/x.o");
  CHECK(answer.ignored == 5);
  CHECK(answer.total == 8);
  CHECK_THAT(paths(listed(tree, deep(10))), contains(".git/config"));
}

TEST_CASE("a file in an ignored directory cannot be taken back") {
  const Tree tree;
  tree.add(".gitignore", "d/\n!d/x\n!x\n");
  tree.add("d/x");
  tree.add("d/.gitignore", "!x\n");
  CHECK(paths(listed(tree, honouring())) == ".gitignore");
}

TEST_CASE("the rules above a directory are in force up to its repository's top") {
  const Tree tree;
  tree.add(".gitignore", "above\n");
  tree.add("repo/.git/info/exclude", "excluded\n");
  tree.add("repo/.gitignore", "*.o\n/a/b/anchored\nb\n");
  for (const char* name : {"above", "excluded", "x.o", "anchored", "file"}) {
    tree.add("repo/a/b/" + std::string(name));
  }
  ListRequest request = honouring();
  request.target.area = (tree.path / "repo").string();
  CHECK(paths(listed(tree, request, "repo/a/b")) == "above file");
  // Not beyond the area, and not without a repository.
  request.target.area = (tree.path / "repo/a").string();
  CHECK(paths(listed(tree, request, "repo/a/b")) == "above anchored excluded file x.o");
}

TEST_CASE("a repository in a repository has rules of its own") {
  const Tree tree;
  tree.add(".git/");
  tree.add(".gitignore", "*.o\n");
  tree.add(".ignore", "*.tmp\n");
  tree.add("inner/.git/info/exclude", "mine\n");
  for (const char* name : {"a.o", "a.tmp", "mine", "f"}) tree.add("inner/" + std::string(name));
  CHECK(paths(listed(tree, honouring())) == ".gitignore .ignore inner inner/a.o inner/f");
}

TEST_CASE("an ignore file that is a link, a FIFO or too large is not read") {
  const Tree tree;
  tree.add("rules", "*\n");
  tree.add("a");
  std::filesystem::create_symlink("rules", tree.path / ".gitignore");
  REQUIRE(::mkfifo((tree.path / ".ignore").c_str(), 0600) == 0);
  CHECK(paths(listed(tree, honouring())) == ".gitignore .ignore a rules");
  std::filesystem::remove(tree.path / ".gitignore");
  tree.add(".gitignore", std::string(1 << 20, '\n') + "*\n");
  const ListAnswer answer = listed(tree, honouring());
  CHECK(paths(answer) == ".gitignore .ignore a rules");
  CHECK_FALSE(answer.total_exact);
}

TEST_CASE("rules made to be slow end the listing, and it says that it is not all") {
  const Tree tree;
  std::string rules;
  for (int i = 0; i < 200; ++i) rules += "**/*a*a*a*a*a*a*a*b" + std::to_string(i) + "/**/c\n";
  tree.add(".gitignore", rules);
  const std::string name(200, 'a');
  for (int i = 0; i < 300; ++i) tree.add(name + "/" + name + "/" + std::to_string(i));
  const ListAnswer answer = listed(tree, honouring(), "", {.work = 4'000'000});
  CHECK_FALSE(answer.total_exact);
  CHECK(answer.total < 302);
}

TEST_CASE("a huge directory and a deep tree are looked at up to a bound") {
  const Tree tree;
  tree.add("many/");
  const OwnedFd many = tree.open("many");
  const ListBounds bounds{.in_directory = 2'000};
  for (int i = 0; i < 2'001; ++i) {
    REQUIRE(::mknodat(many.get(), std::to_string(i).c_str(), S_IFREG | 0600, 0) == 0);
  }
  ListRequest request = deep(2);
  request.max_entries = 5;
  const ListAnswer answer = listed(tree, request, "", bounds);
  CHECK(answer.total == 2'001);  // "many" and what it may have
  CHECK_FALSE(answer.total_exact);
  CHECK(answer.entries.size() == 5);
  CHECK_FALSE(listed(tree, deep(1)).entries[0].entries_known);
  CHECK_FALSE(listed(tree, request, "", {.entries = 1'000}).total_exact);
  REQUIRE(::unlinkat(many.get(), "0", 0) == 0);
  CHECK(listed(tree, request, "", bounds).total_exact);

  const Tree narrow;
  std::string path;
  for (int i = 0; i < 120; ++i) path += "d/";
  narrow.add(path);
  const ListAnswer down = listed(narrow, deep(1000));
  CHECK(down.total == 100);
  CHECK_FALSE(down.total_exact);
}

TEST_CASE("a directory that cannot be read is named") {
  const Tree tree;
  tree.add("open/a");
  tree.add("shut/b");
  std::filesystem::permissions(tree.path / "shut", std::filesystem::perms(0));
  const ListAnswer answer = listed(tree, deep(3));
  if (::geteuid() == 0) {
    CHECK(paths(answer) == "open open/a shut shut/b");
  } else {
    CHECK(paths(answer) == "open open/a shut");
    CHECK(answer.unreadable == std::vector<std::string>{"shut"});
  }
  std::filesystem::permissions(tree.path / "shut", std::filesystem::perms(0700));
}

TEST_CASE("what is no directory is refused") {
  const Tree tree;
  tree.add("file");
  const OwnedFd file(::open((tree.path / "file").c_str(), O_PATH | O_CLOEXEC));
  ListRequest request;
  request.target.shown = "file";
  const auto answer = list(file.get(), request);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ErrorCode::kInvalidArgument);
  CHECK(answer.error().field == "path");
}

}  // namespace
}  // namespace mayfly::files
