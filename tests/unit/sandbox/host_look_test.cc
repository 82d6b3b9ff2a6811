#include "sandbox/linux/host_look.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catch_shim.h"
#include "skip.h"

namespace mayfly::sandbox {
namespace {

using Kind = HostPlace::Kind;
namespace fs = std::filesystem;

class Tree {
 public:
  Tree() {
    char path[] = "/var/tmp/mayfly-look-XXXXXX";
    REQUIRE(::mkdtemp(path) != nullptr);
    top = fs::canonical(path).string();
    REQUIRE(::chmod(top.c_str(), 0755) == 0);
  }
  ~Tree() {
    std::error_code ignored;
    fs::remove_all(top, ignored);
  }
  std::string directory(const std::string& name, mode_t mode = 0755) const {
    const std::string path = top + "/" + name;
    REQUIRE(::mkdir(path.c_str(), 0755) == 0);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    return path;
  }
  std::string file(const std::string& name) const {
    const std::string path = top + "/" + name;
    std::ofstream(path) << "x";
    REQUIRE(fs::exists(path));
    return path;
  }
  std::string link(const std::string& name, const std::string& target) const {
    const std::string path = top + "/" + name;
    REQUIRE(::symlink(target.c_str(), path.c_str()) == 0);
    return path;
  }
  std::string top;
};

HostPlace look_on_host(const std::string& path, const std::string& home) {
  LookBudget budget;
  return HostLooks(home, budget).look(path);
}

Kind kind(const std::string& path, const std::string& home = "") {
  return look_on_host(path, home).kind;
}

}  // namespace

TEST_CASE("what anybody may look at is found as what it is") {
  const Tree tree;
  tree.directory("d");
  const std::string file = tree.file("d/f");
  REQUIRE(::mkfifo((tree.top + "/d/p").c_str(), 0666) == 0);
  CHECK(kind(tree.top + "/d") == Kind::kDirectory);
  CHECK(kind(tree.top + "//d/./f") == Kind::kFile);
  CHECK(kind(tree.top + "/d/p") == Kind::kOther);
  CHECK(kind(tree.top + "/d/none") == Kind::kAbsent);
  CHECK(kind(tree.top + "/none/none") == Kind::kAbsent);
  CHECK(kind(tree.top + "/d/f/none") == Kind::kAbsent);
  CHECK(look_on_host(file, "").real == file);
}

TEST_CASE("links are followed by hand, and a circle is not known") {
  const Tree tree;
  tree.directory("d");
  const std::string file = tree.file("d/f");
  const std::string link = tree.link("l", "d");
  const std::string second = tree.link("d/up", "../l/./f");
  const std::string circle = tree.link("c", "c");
  tree.link("absolute", tree.top + "/d/f");
  const HostPlace place = look_on_host(tree.top + "/l/up", "");
  CHECK(place.kind == Kind::kFile);
  CHECK(place.real == file);
  CHECK(place.links == std::vector<std::string>{link, second, link});
  CHECK(look_on_host(tree.top + "/absolute", "").real == file);
  CHECK(kind(circle) == Kind::kUnknown);
}

TEST_CASE("nobody learns what only some may look at") {
  const Tree tree;
  tree.directory("closed", 0700);
  tree.file("closed/f");
  tree.link("in", "closed/f");
  tree.directory("group", 0750);
  for (const char* path : {"/closed/f", "/closed/none", "/in", "/group/none"}) {
    INFO(path);
    CHECK(kind(tree.top + path) == Kind::kUnknown);
  }
  CHECK(kind(tree.top + "/closed") == Kind::kDirectory);
  // But in the own home, except for what starts with a dot there.
  const std::string home = tree.top + "/closed";
  tree.file("closed/.netrc");
  tree.directory("closed/.config");
  tree.file("closed/server.key");
  tree.link("closed/out", ".config/x");
  CHECK(kind(home + "/f", home) == Kind::kFile);
  CHECK(kind(home + "/none", home) == Kind::kAbsent);
  for (const char* path : {"/.netrc", "/.config/x", "/.none", "/server.key", "/out"}) {
    INFO(path);
    CHECK(kind(home + path, home) == Kind::kUnknown);
  }
  for (const char* path : {"/proc/1/root", "/proc/self", "/sys/kernel", "/dev/null"}) {
    CHECK(kind(path) == Kind::kUnknown);
  }
}

TEST_CASE("a path that says two things is not looked at") {
  const Tree tree;
  tree.directory("d");
  tree.file("d/f");
  for (const std::string& path :
       {tree.top + "/d/../d/f", tree.top + "/d/f\n", tree.top + "/d\\f", std::string("d/f"),
        std::string(), "/" + std::string(990, 'x'), tree.top + "/d/\x1b"}) {
    INFO(path);
    CHECK(kind(path) == Kind::kUnknown);
  }
  CHECK(kind(tree.top + "/" + std::string(300, 'x')) == Kind::kUnknown);
}

TEST_CASE("links cannot make a look long, and looks of one call cannot add up") {
  constexpr std::size_t kMostOfOne = 256;
  const Tree tree;
  tree.directory("aa");
  tree.file("file");
  std::string around;
  for (int i = 0; i < 52; ++i) around += "aa/../";
  for (int i = 8; i >= 0; --i) {
    tree.link("k" + std::to_string(i), around + (i == 8 ? "file" : "k" + std::to_string(i + 1)));
  }
  const LookBudget whole;
  const auto steps_of = [&](HostLooks& looks, const LookBudget& budget, const std::string& name) {
    const std::size_t before = budget.steps;
    looks.look(tree.top + "/" + name);
    return before - budget.steps;
  };
  LookBudget budget;
  // So that a slow machine does not stop it sooner.
  budget.processor = budget.clock = std::chrono::hours(1);
  const std::string nowhere;
  HostLooks looks(nowhere, budget);
  CHECK(looks.look(tree.top + "/k8").real == tree.top + "/file");
  CHECK(looks.look(tree.top + "/k0").kind == Kind::kUnknown);
  CHECK(steps_of(looks, budget, "k1") <= kMostOfOne);
  CHECK(steps_of(looks, budget, "k1") == 0);
  for (int i = 0; i < 100; ++i) {
    const std::string name = "z" + std::to_string(i);
    tree.link(name, "k0");
    CHECK(steps_of(looks, budget, name) <= kMostOfOne);
  }
  CHECK(budget.steps == 0);
  CHECK(looks.look(tree.top + "/file").kind == Kind::kUnknown);
  CHECK(HostLooks(nowhere, budget).look(tree.top + "/file").kind == Kind::kUnknown);
  // Time that is used up ends them as well.
  for (auto LookBudget::*time : {&LookBudget::processor, &LookBudget::clock}) {
    LookBudget late = whole;
    late.*time = std::chrono::nanoseconds(1);
    CHECK(HostLooks(nowhere, late).look(tree.top + "/file").kind == Kind::kUnknown);
    CHECK(late.is_spent());
  }
}

TEST_CASE("a look goes up and down, and no more than 8 links or 256 names far") {
  const Tree tree;
  tree.directory("a");
  tree.directory("a/b");
  const std::string file = tree.file("a/f");
  tree.link("a/b/up", "../../a/./b/..//f");
  tree.link("over", "a/b/../../../../../../.." + tree.top + "/a/f");
  tree.link("a/b/round", "../b/up");
  CHECK(look_on_host(tree.top + "/a/b/up", "").real == file);
  CHECK(look_on_host(tree.top + "/a/b/round", "").real == file);
  CHECK(look_on_host(tree.top + "/over", "").real == file);
  std::string before = "a/f";
  for (int i = 1; i <= 9; ++i) {
    const std::string name = "l" + std::to_string(i);
    tree.link(name, before);
    before = name;
  }
  CHECK(look_on_host(tree.top + "/l8", "").real == file);
  CHECK(kind(tree.top + "/l9") == Kind::kUnknown);
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += "/x";
  CHECK(kind(tree.top + deep) == Kind::kUnknown);
  CHECK(kind(tree.top + deep.substr(0, 400)) == Kind::kAbsent);
}

TEST_CASE("a mount is entered only if its file system is a local one") {
  const Tree tree;
  tree.directory("tmpfs");
  tree.directory("proc");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(77);
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(77);
    const std::string local = tree.top + "/tmpfs";
    const std::string other = tree.top + "/proc";
    if (::mount("t", local.c_str(), "tmpfs", 0, "mode=755") != 0) ::_exit(77);
    if (::mount("/proc", other.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) ::_exit(77);
    if (kind(local) != Kind::kDirectory) ::_exit(2);
    if (kind(local + "/none") != Kind::kAbsent) ::_exit(3);
    if (kind(other) != Kind::kUnknown) ::_exit(4);
    if (kind(other + "/self") != Kind::kUnknown) ::_exit(5);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) test::skip("user and mount namespaces");
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace mayfly::sandbox
