#include "sandbox/protected_paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "catch_shim.h"

using namespace mayfly;
using namespace mayfly::sandbox;
namespace fs = std::filesystem;
using Outcome = HostCodeFinding::Outcome;

namespace {

// A workspace in a temporary directory, and what a hostile or an honest sandbox does in it.
class Scene {
 public:
  explicit Scene(DirectoryBind bind = DirectoryBind::kNone) : bind_(bind) {
    std::string name = (fs::temp_directory_path() / "mayfly-protected-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    base_ = fs::canonical(name);
    fs::create_directories(base_ / "home");
    fs::create_directories(base_ / "ws");
    fs::create_directories(base_ / "outside");
  }
  ~Scene() {
    std::error_code ignored;
    paths_.reset();
    shell_in("/", "chmod -R u+rwx '" + base_.string() + "'");
    fs::remove_all(base_, ignored);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  fs::path ws(const std::string& below = "") const { return base_ / "ws" / below; }
  fs::path outside() const { return base_ / "outside"; }

  void shell_in(const fs::path& directory, const std::string& script) const {
    const std::string command =
        "cd '" + directory.string() + "' && export HOME='" + (base_ / "home").string() +
        "' GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a "
        "GIT_COMMITTER_EMAIL=a@b && unset GIT_DIR && { set -e\n" +
        script + "\n} >/dev/null 2>&1";
    INFO(script);
    REQUIRE(std::system(("bash -c '" + quoted(command) + "'").c_str()) == 0);
  }
  void host(const std::string& script) const { shell_in(ws(), script); }

  // What one call does, and what is found afterwards.
  std::vector<HostCodeFinding> call(const std::string& script) {
    start();
    host(script);
    return paths_->call_ended();
  }
  void start() {
    if (!paths_) open();
    REQUIRE(paths_->call_started());
  }
  void open(std::vector<std::string> additional = {}) {
    struct stat info {};
    REQUIRE(stat(ws().c_str(), &info) == 0);
    ProtectedPaths::Options options;
    options.bind = bind_;
    options.additional = std::move(additional);
    auto opened = ProtectedPaths::open(
        Workspace{(base_ / "ws").string(), info.st_dev, info.st_ino, info.st_uid, info.st_gid},
        options);
    REQUIRE(opened);
    paths_ = *std::move(opened);
  }
  ProtectedPaths& paths() { return *paths_; }

  std::string content(const std::string& path) const {
    std::ifstream in(ws(path));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool exists(const std::string& path) const { return fs::exists(fs::symlink_status(ws(path))); }

 private:
  static std::string quoted(const std::string& text) {
    std::string out;
    for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out;
  }

  DirectoryBind bind_;
  fs::path base_;
  std::unique_ptr<ProtectedPaths> paths_;
};

std::string all(const std::vector<HostCodeFinding>& findings) {
  std::string text;
  for (const auto& finding : findings) text += describe(finding) + "\n";
  return text;
}

const HostCodeFinding* find(const std::vector<HostCodeFinding>& findings, const std::string& path) {
  for (const auto& finding : findings) {
    if (finding.path == path) return &finding;
  }
  return nullptr;
}

#define CHECK_NOTHING(expression)      \
  do {                                 \
    const auto nothing = (expression); \
    INFO(all(nothing));                \
    CHECK(nothing.empty());            \
  } while (false)

#define CHECK_MOVED(findings, name)                      \
  do {                                                   \
    INFO(all(findings));                                 \
    const HostCodeFinding* moved = find(findings, name); \
    REQUIRE(moved != nullptr);                           \
    CHECK(moved->outcome == Outcome::kMovedAside);       \
    CHECK_FALSE(scene.exists(name));                     \
    CHECK(scene.exists(moved->moved_to));                \
  } while (false)

#define CHECK_RESTORED(findings, name)                      \
  do {                                                      \
    INFO(all(findings));                                    \
    const HostCodeFinding* restored = find(findings, name); \
    REQUIRE(restored != nullptr);                           \
    CHECK(restored->outcome == Outcome::kRestored);         \
    CHECK(scene.exists(restored->moved_to));                \
  } while (false)

constexpr const char* kRepository =
    "git init -q -b main . && echo a > a && git add a && git commit -q -m a";

}  // namespace

TEST_CASE("what plain git writes is let through") {
  Scene scene;
  CHECK_NOTHING(scene.call(kRepository));
  CHECK_NOTHING(scene.call("git clone -q . nested && git clone -q --bare . bare.git"));
  CHECK_NOTHING(scene.call("git remote add origin https://example.org/x.git"));
  CHECK_NOTHING(scene.call("cd nested && git checkout -q -b topic origin/main"));
  CHECK_NOTHING(scene.call("git remote add bare $PWD/bare.git && git push -q -u bare main"));
  CHECK_NOTHING(
      scene.call("git worktree add -q wt && cd wt && echo b > b && git add b && "
                 "git commit -q -m b"));
  CHECK_NOTHING(
      scene.call("git -c protocol.file.allow=always submodule add -q $PWD/bare.git sub && "
                 "git commit -q -m sub"));
  CHECK_NOTHING(scene.call("git -C sub checkout -q -b x && git -C sub status"));
  CHECK_NOTHING(
      scene.call("git config extensions.worktreeConfig true && "
                 "git config --worktree core.sparseCheckout true"));
  CHECK_NOTHING(scene.call("git worktree remove wt && rm -rf nested && git gc -q"));
  CHECK_NOTHING(scene.call("mv sub sub2 || true; mkdir -p deep/er && mv bare.git deep/er/b.git"));
  CHECK_NOTHING(scene.call("git stash -q || true; git tag v1; git branch -m other"));
}

TEST_CASE("what was there before and is unchanged is left alone") {
  Scene scene;
  scene.host(kRepository);
  scene.host(
      "mkdir -p .vscode .claude .husky .git/hooks hooks2 && echo {} > .vscode/tasks.json && "
      "echo x > .envrc && echo '#!/bin/sh' > .git/hooks/pre-commit && "
      "chmod +x .git/hooks/pre-commit && git config core.fsmonitor /usr/bin/true && "
      "git config alias.x '!echo' && git init -q nested && "
      "git -C nested config core.sshCommand ssh");
  CHECK_NOTHING(scene.call("true"));
  CHECK_NOTHING(scene.call("echo c > c && git add c && git commit -q --no-verify -m c"));
  CHECK_NOTHING(scene.call("git config user.name somebody"));
  CHECK_NOTHING(scene.call("mv nested moved"));
  CHECK_NOTHING(scene.call("git -C moved config user.name somebody"));
}

TEST_CASE("the user's own changes between calls are left alone") {
  Scene scene;
  scene.host(kRepository);
  CHECK_NOTHING(scene.call("true"));
  scene.host(
      "git config core.fsmonitor /usr/bin/true && mkdir .vscode && echo x > .envrc && "
      "git init -q nested && git -C nested config core.pager less");
  CHECK_NOTHING(scene.call("echo d > d"));
  CHECK(scene.exists(".vscode"));
}

TEST_CASE("a hook planted in an existing repository is moved aside") {
  Scene scene;
  scene.host(kRepository);
  SECTION("beside the samples") {
    const auto found = scene.call("echo evil > .git/hooks/pre-commit; chmod +x .git/hooks/*");
    CHECK_MOVED(found, ".git/hooks/pre-commit");
    CHECK(scene.exists(".git/hooks"));
  }
  SECTION("where there was no hooks directory") {
    scene.host("rm -rf .git/hooks");
    const auto found = scene.call("mkdir .git/hooks && echo evil > .git/hooks/post-checkout");
    CHECK_MOVED(found, ".git/hooks/post-checkout");
  }
  SECTION("by a link in place of the directory") {
    const auto found = scene.call("mkdir evil && rm -rf .git/hooks && ln -s ../evil .git/hooks");
    CHECK_MOVED(found, ".git/hooks");
  }
  SECTION("with the hooks directory read-only and the git directory closed") {
    const auto found = scene.call(
        "git init -q n && echo evil > n/.git/hooks/pre-push && chmod 500 n/.git/hooks && "
        "chmod 0 n/.git && chmod 111 n");
    CHECK_MOVED(found, "n/.git/hooks/pre-push");
  }
}

TEST_CASE("a changed hook gets its content, mode and owner back") {
  Scene scene;
  scene.host(kRepository);
  scene.host(
      "echo good > .git/hooks/pre-commit && chmod 755 .git/hooks/pre-commit && "
      "echo off > .git/hooks/pre-push && chmod 644 .git/hooks/pre-push");
  const auto found =
      scene.call("echo evil > .git/hooks/pre-commit && chmod +x .git/hooks/pre-push");
  CHECK_RESTORED(found, ".git/hooks/pre-commit");
  CHECK_RESTORED(found, ".git/hooks/pre-push");
  CHECK(scene.content(".git/hooks/pre-commit") == "good\n");
  struct stat info {};
  REQUIRE(stat(scene.ws(".git/hooks/pre-commit").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0755);
  REQUIRE(stat(scene.ws(".git/hooks/pre-push").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0644);
}

TEST_CASE("a git directory that is moved away and made anew brings no code in") {
  Scene scene;
  scene.host(kRepository);
  const auto found = scene.call(
      "mv .git x && mkdir .git && cp -r x/* .git/ && "
      "git config core.pager evil && echo evil > .git/hooks/pre-commit");
  CHECK_MOVED(found, ".git/hooks/pre-commit");
  CHECK_RESTORED(found, ".git/config");
  CHECK(scene.content(".git/config").find("evil") == std::string::npos);
  CHECK(find(found, "x/config") == nullptr);
}

TEST_CASE("configuration that runs or loads something is undone") {
  const std::string setting = GENERATE(
      "core.fsmonitor ./evil", "core.hooksPath evil", "core.sshCommand evil", "alias.st '!evil'",
      "filter.x.smudge evil", "include.path ../evil", "includeIf.gitdir:/.path ../evil",
      "remote.o.url 'ext::sh -c evil'", "remote.o.uploadpack evil", "core.worktree /",
      "credential.helper evil", "url.x.insteadOf y", "submodule.x.update '!evil'",
      "diff.x.textconv evil", "core.pager evil", "branch.main.remote /tmp/evil.git");
  Scene scene;
  scene.host(kRepository);
  const std::string before = scene.content(".git/config");
  const auto found = scene.call("git config " + setting);
  INFO(setting);
  CHECK_RESTORED(found, ".git/config");
  CHECK(scene.content(".git/config") == before);
}

TEST_CASE("configuration that cannot be read as git's is undone") {
  Scene scene;
  scene.host(kRepository);
  const std::string before = scene.content(".git/config");
  const std::string attack =
      GENERATE("printf '[core\\n' >> .git/config", "rm .git/config && mkfifo .git/config",
               "ln -sf ../evil .git/config", "rm .git/config && mkdir .git/config",
               "truncate -s 2M .git/config");
  const auto found = scene.call(attack);
  INFO(attack);
  CHECK_RESTORED(found, ".git/config");
  CHECK(scene.content(".git/config") == before);
}

TEST_CASE("config.worktree, commondir and a prepared rebase are looked at too") {
  Scene scene;
  scene.host(kRepository);
  SECTION("config.worktree") {
    const auto found = scene.call(
        "git config extensions.worktreeConfig true && "
        "git config --worktree core.fsmonitor evil");
    CHECK_MOVED(found, ".git/config.worktree");
  }
  SECTION("a worktree's own") {
    const auto found = scene.call(
        "git config extensions.worktreeConfig true && "
        "git worktree add -q wt && "
        "git -C wt config --worktree core.fsmonitor evil");
    CHECK_MOVED(found, ".git/worktrees/wt/config.worktree");
  }
  SECTION("commondir") {
    const auto found = scene.call(
        "mkdir -p e/objects e/refs && cp .git/config e/config && "
        "echo ../e > .git/commondir");
    CHECK_MOVED(found, ".git/commondir");
  }
  SECTION("rebase") {
    const auto found = scene.call(
        "mkdir .git/rebase-merge && echo 'exec evil' > .git/rebase-merge/git-rebase-todo");
    CHECK_MOVED(found, ".git/rebase-merge/git-rebase-todo");
  }
  SECTION("rebase behind a link") {
    const auto found = scene.call(
        "mkdir r && echo 'exec evil' > r/git-rebase-todo && "
        "ln -s ../r .git/rebase-merge");
    CHECK_MOVED(found, ".git/rebase-merge");
  }
  SECTION("a submodule's") {
    const auto found = scene.call(
        "git clone -q --bare . b.git && git -c protocol.file.allow=always "
        "submodule add -q $PWD/b.git sub && "
        "git -C sub config core.fsmonitor evil && "
        "echo evil > .git/modules/sub/hooks/pre-commit");
    CHECK_MOVED(found, ".git/modules/sub/config");
    CHECK_MOVED(found, ".git/modules/sub/hooks/pre-commit");
  }
}

TEST_CASE("a nested or bare repository with code in it is found wherever it is") {
  Scene scene;
  SECTION("nested") {
    const auto found = scene.call(
        "mkdir -p a/b/c && git init -q a/b/c && "
        "git -C a/b/c config core.fsmonitor evil && "
        "echo evil > a/b/c/.git/hooks/pre-commit");
    CHECK_MOVED(found, "a/b/c/.git/config");
    CHECK_MOVED(found, "a/b/c/.git/hooks/pre-commit");
  }
  SECTION("bare") {
    const auto found = scene.call("git init -q --bare x && git -C x config core.fsmonitor evil");
    CHECK_MOVED(found, "x/config");
  }
  SECTION("completed from parts in a later call") {
    CHECK_NOTHING(
        scene.call("git init -q --bare x && mv x/HEAD x/H && "
                   "printf '[core]\\nfsmonitor = evil\\n' > x/config"));
    const auto found = scene.call("mv x/H x/HEAD");
    CHECK_MOVED(found, "x/config");
  }
  SECTION("renamed into place in a later call") {
    CHECK_NOTHING(
        scene.call("mkdir -p p/git/hooks && printf '[core]\\nfsmonitor = evil\\n' > "
                   "p/git/config && echo ref: refs/heads/main > p/git/HEAD"));
    CHECK_NOTHING(scene.call("mv p q"));
    const auto found = scene.call("mv q/git q/.git");
    CHECK_MOVED(found, "q/.git/config");
  }
  SECTION("in other letters") {
    const auto found = scene.call(
        "git init -q n && git -C n config core.fsmonitor evil && "
        "mv n/.git n/.Git");
    CHECK_MOVED(found, "n/.Git/config");
  }
  SECTION("a known repository that changes") {
    scene.host("git init -q n && git -C n config core.sshCommand mine");
    const auto found = scene.call("git -C n config core.sshCommand evil");
    CHECK_RESTORED(found, "n/.git/config");
    CHECK_THAT(scene.content("n/.git/config"), test::contains("mine"));
  }
  SECTION("below a git directory") {
    const auto found = scene.call(
        "git init -q . && mkdir .git/objects/ab && "
        "git init -q .git/objects/ab && "
        "echo evil > .git/objects/ab/.git/hooks/update");
    CHECK_MOVED(found, ".git/objects/ab/.git/hooks/update");
  }
  SECTION("the workspace itself") {
    const auto found = scene.call("git init -q --bare . && git config core.fsmonitor evil");
    CHECK_MOVED(found, "config");
  }
}

TEST_CASE("a .git that points elsewhere is moved aside") {
  Scene scene;
  scene.host(kRepository);
  SECTION("to an evil directory outside") {
    const auto found =
        scene.call("mkdir d && echo 'gitdir: " + scene.outside().string() + "/evil' > d/.git");
    CHECK_MOVED(found, "d/.git");
  }
  SECTION("to an evil directory in the workspace, which is judged itself") {
    const auto found = scene.call(
        "git init -q --bare evil && git -C evil config core.pager x && "
        "mkdir d && echo 'gitdir: ../evil' > d/.git");
    CHECK_MOVED(found, "evil/config");
  }
  SECTION("through a link") {
    const auto found = scene.call("mkdir d && ln -s " + scene.outside().string() +
                                  " l && echo 'gitdir: ../l/evil' > d/.git");
    CHECK_MOVED(found, "d/.git");
  }
  SECTION("as a link") {
    const auto found = scene.call("mkdir d && ln -s ../.git d/.git");
    CHECK_MOVED(found, "d/.git");
  }
  SECTION("as a FIFO") {
    const auto found = scene.call("mkdir d && mkfifo d/.git");
    CHECK_MOVED(found, "d/.git");
  }
}

TEST_CASE("files and directories that editors, shells and agents obey are moved aside") {
  Scene scene(GENERATE(DirectoryBind::kNone, DirectoryBind::kInForce));
  SECTION("created") {
    const auto found = scene.call(
        "echo {} > .mcp.json; mkdir -p .vscode .config/mise; "
        "echo {} > .vscode/tasks.json; mkfifo .envrc; "
        "ln -s /etc .claude; ln -s nowhere .idea; echo x > .husky");
    for (const char* name :
         {".mcp.json", ".vscode", ".envrc", ".claude", ".idea", ".husky", ".config/mise"}) {
      CHECK_MOVED(found, name);
    }
    CHECK(found.size() == 7);
    CHECK_NOTHING(scene.call("true"));
  }
  SECTION("changed") {
    scene.host("echo good > .envrc && chmod 640 .envrc");
    const auto found = scene.call("echo evil > .envrc");
    CHECK_RESTORED(found, ".envrc");
    CHECK(scene.content(".envrc") == "good\n");
  }
  SECTION("deleted, which runs nothing") {
    scene.host("echo good > .envrc");
    CHECK_NOTHING(scene.call("rm .envrc"));
  }
  SECTION("written with the same content") {
    scene.host("echo good > .envrc");
    CHECK_NOTHING(scene.call("cp .envrc t && mv t .envrc"));
  }
  SECTION("a directory in the place of a file") {
    scene.host("echo good > .mcp.json");
    const auto found = scene.call("rm .mcp.json && mkdir .mcp.json && echo > .mcp.json/x");
    CHECK_RESTORED(found, ".mcp.json");
    CHECK(scene.content(".mcp.json") == "good\n");
  }
  SECTION("moved aside twice") {
    const auto once = scene.call("echo 1 > .envrc");
    CHECK_MOVED(once, ".envrc");
    const auto again = scene.call("echo 2 > .envrc");
    CHECK_MOVED(again, ".envrc");
    CHECK(again.front().moved_to == ".envrc.mayfly-blocked-2");
  }
  SECTION("behind a link that the user made") {
    scene.host(
        "mkdir cfg && echo good > cfg/envrc && ln -s cfg/envrc .envrc && "
        "mkdir cfg/code && echo good > cfg/code/tasks.json && ln -s cfg/code .vscode");
    CHECK_NOTHING(scene.call("true"));
    const auto found = scene.call("echo evil > cfg/envrc; echo evil > cfg/code/tasks.json");
    CHECK_MOVED(found, ".envrc");
    CHECK_MOVED(found, ".vscode");
  }
}

TEST_CASE("a directory that a bind protects is compared by identity only") {
  Scene scene(DirectoryBind::kInForce);
  scene.host("mkdir .vscode && echo a > .vscode/settings.json");
  // The user saves a setting in the editor while a call runs.
  CHECK_NOTHING(scene.call("echo b > .vscode/settings.json"));
  const auto found =
      scene.call("mv .vscode old && mkdir .vscode && echo evil > .vscode/tasks.json");
  CHECK_MOVED(found, ".vscode");
}

TEST_CASE("without a bind the files of a protected directory are compared one by one") {
  Scene scene;
  scene.host("mkdir -p .vscode/sub && echo a > .vscode/settings.json && echo s > .vscode/sub/s");
  const auto found = scene.call(
      "echo b > .vscode/settings.json; echo evil > .vscode/tasks.json; "
      "echo evil > .vscode/sub/t; mkdir -p .vscode/new/er");
  CHECK_RESTORED(found, ".vscode/settings.json");
  CHECK_MOVED(found, ".vscode/tasks.json");
  CHECK_MOVED(found, ".vscode/sub/t");
  CHECK_MOVED(found, ".vscode/new");
  CHECK(scene.content(".vscode/settings.json") == "a\n");
}

TEST_CASE("what git's configuration names inside the workspace is protected") {
  Scene scene(DirectoryBind::kInForce);
  scene.host(kRepository);
  scene.host(
      "git config core.hooksPath tools/hooks && mkdir -p tools/hooks && "
      "echo good > tools/hooks/pre-commit && git config include.path ../shared.cfg && "
      "echo > shared.cfg");
  struct stat info {};
  REQUIRE(stat(scene.ws().c_str(), &info) == 0);
  const std::string path = fs::canonical(scene.ws()).string();
  const auto directories =
      protected_directories(Workspace{path, info.st_dev, info.st_ino, info.st_uid, info.st_gid});
  REQUIRE(directories);
  CHECK(directories->back() == "tools/hooks");

  CHECK_NOTHING(scene.call("echo x > tools/other"));
  const auto found = scene.call(
      "echo evil > tools/hooks/pre-commit; echo evil > tools/hooks/update; "
      "git config -f shared.cfg core.pager evil");
  CHECK_RESTORED(found, "tools/hooks/pre-commit");
  CHECK_MOVED(found, "tools/hooks/update");
  CHECK_RESTORED(found, "shared.cfg");
}

TEST_CASE("calls that overlap share what was known before the first") {
  Scene scene;
  scene.host(kRepository);
  scene.start();
  scene.host("git config core.pager evil; echo evil > .envrc");
  scene.start();
  CHECK(scene.paths().call_ended().size() == 2);
  scene.host("git config core.pager evil; echo evil > .envrc");
  CHECK(scene.paths().check().size() == 2);
  scene.host("git config core.pager evil");
  CHECK(scene.paths().call_ended().size() == 1);
  CHECK(scene.content(".git/config").find("evil") == std::string::npos);
}

TEST_CASE("nothing is created for what is absent, and nothing outside is touched") {
  Scene scene;
  scene.host("echo secret > ../outside/file");
  CHECK_NOTHING(scene.call("true"));
  CHECK(fs::is_empty(scene.ws()));
  const auto found = scene.call(
      "ln -s ../outside .vscode && ln -s ../outside/file .envrc && "
      "ln -s ../outside/file .mcp.json");
  CHECK(found.size() == 3);
  CHECK(std::distance(fs::directory_iterator(scene.outside()), {}) == 1);
  CHECK(fs::is_regular_file(scene.outside() / "file"));
}

TEST_CASE("what could not be moved aside is said loudly, on one printable line") {
  const HostCodeFinding finding{"a\nb", "appeared", Outcome::kStillThere, "", "EROFS"};
  CHECK(
      describe(finding) ==
      "a\\nb appeared: STILL THERE, a program of this host may run it (EROFS); remove it by hand");
}

TEST_CASE("a tree that is too deep or too large is looked through or reported") {
  Scene scene;
  SECTION("deeper than PATH_MAX") {
    const auto found = scene.call(
        "n=$(printf d%.0s {1..200}); for i in {1..30}; do mkdir $n; cd $n; done; "
        "git init -q . 2>/dev/null || { mkdir -p .git/hooks; }; echo evil > .git/hooks/update");
    REQUIRE(found.size() == 1);
    CHECK(found[0].outcome == Outcome::kMovedAside);
  }
  SECTION("larger than the budget") {
    scene.host("mkdir -p a/b/c/d e/f/g");
    struct stat info {};
    REQUIRE(stat(scene.ws().c_str(), &info) == 0);
    ProtectedPaths::Options options;
    options.scan.directories = 3;
    auto paths = ProtectedPaths::open(Workspace{fs::canonical(scene.ws()).string(), info.st_dev,
                                                info.st_ino, info.st_uid, info.st_gid},
                                      options);
    REQUIRE(paths);
    REQUIRE((*paths)->call_started());
    const auto found = (*paths)->call_ended();
    REQUIRE(found.size() == 1);
    CHECK(found[0].outcome == Outcome::kNotExamined);
  }
}

TEST_CASE("later looks at the tree only read what changed") {
  Scene scene;
  scene.host("mkdir -p {a,b,c}/{a,b,c}/{a,b,c}");
  CHECK_NOTHING(scene.call("true"));
  CHECK(scene.paths().directories_read() == 0);
  CHECK_NOTHING(scene.call("mkdir -p a/new/x && touch a/HEAD"));
  CHECK(scene.paths().directories_read() == 2);
}
