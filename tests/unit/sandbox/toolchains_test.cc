#include "sandbox/toolchains.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "catch_shim.h"
#include "sandbox/workspace.h"

using namespace mayfly;
using namespace mayfly::sandbox;
namespace fs = std::filesystem;

namespace {

// A developer's home directory and one hostile workspace in it.
struct Machine {
  Machine() {
    std::string name = (fs::temp_directory_path() / "mayfly-toolchains-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    base = fs::canonical(name);
    query.home = at("");
    query.home.pop_back();
    fs::create_directories(at("ws"));
    query.workspaces = {at("ws")};
  }
  ~Machine() { fs::remove_all(base); }

  std::string at(const std::string& below) const { return (base / "u" / below).string(); }
  void file(const std::string& path) {
    fs::create_directories(fs::path(at(path)).parent_path());
    std::ofstream(at(path)) << "x";
  }
  void link(const std::string& path, const std::string& target) {
    fs::create_directories(fs::path(at(path)).parent_path());
    fs::create_symlink(target, at(path));
  }
  ToolchainSet find(const std::vector<std::string>& path) {
    query.path_variable = text::join(path, ":");
    ToolchainSet set = find_toolchains(query);
    CHECK(find_toolchains(query).toolchains == set.toolchains);
    for (const Toolchain& one : set.toolchains) {
      for (const std::string& shown : one.read_only_paths) {
        CHECK_FALSE(is_within(query.home, shown));
        CHECK_FALSE(is_within(shown, at("ws")));
        CHECK_FALSE(is_within(shown, at(".ssh")));
      }
    }
    return set;
  }

  fs::path base;
  ToolchainQuery query;
};

std::vector<std::string> shown(const ToolchainSet& set, const std::string& name = "") {
  std::vector<std::string> paths;
  for (const Toolchain& one : set.toolchains) {
    if (!name.empty() && one.name != name) continue;
    paths.insert(paths.end(), one.read_only_paths.begin(), one.read_only_paths.end());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("toolchains on PATH are shown with no more than they need") {
  Machine m;
  m.file(".nvm/versions/node/v20/bin/node");
  m.file(".nvm/versions/node/v20/etc/npmrc");
  m.file(".nvm/.env");
  m.file(".cargo/bin/cargo");
  m.file(".cargo/env");
  m.file(".cargo/credentials.toml");
  m.file(".cargo/registry/x");
  m.file(".rustup/toolchains/stable/bin/rustc");
  m.file(".local/share/uv/tools/ruff/bin/ruff");
  m.file(".local/share/uv/credentials/credentials.toml");
  m.file(".local/share/pnpm/pnpm");
  m.file(".local/share/pnpm/store/v3/x");
  m.file(".bun/bin/bun");
  const auto set = m.find({m.at(".nvm/versions/node/v20/bin"), m.at(".cargo/bin"), "/usr/bin",
                           m.at(".local/share/pnpm"), m.at(".bun/bin")});
  CHECK(shown(set, "nvm") == Strings{m.at(".nvm")});
  CHECK(shown(set, "cargo") == Strings{m.at(".cargo/bin"), m.at(".cargo/env")});
  CHECK(shown(set, "rustup") == Strings{m.at(".rustup")});
  CHECK(shown(set, "bun") == Strings{m.at(".bun/bin")});
  CHECK(shown(set, "uv").empty());
  for (const Toolchain& one : set.toolchains) {
    if (one.name != "nvm") continue;
    CHECK(one.hidden_paths == Strings{m.at(".nvm/.env"), m.at(".nvm/versions/node/v20/etc/npmrc")});
  }
  CHECK(set.path[0] == m.at(".nvm/versions/node/v20/bin"));
  CHECK(set.path[1] == m.at(".cargo/bin"));
  CHECK(set.path[2] == "/usr/bin");
}

TEST_CASE("programs of ~/.local/bin bring the toolchain that they are links into") {
  Machine m;
  m.file(".local/share/uv/tools/ruff/bin/ruff");
  m.file(".local/share/uv/credentials/credentials.toml");
  m.file(".local/share/other/x");
  m.file(".local/bin/own");
  m.file(".local/bin/id_rsa");
  m.file(".local/lib/python3.11/site-packages/x.py");
  m.file(".local/lib/secret");
  m.link(".local/bin/ruff", m.at(".local/share/uv/tools/ruff/bin/ruff"));
  m.link(".local/bin/other", m.at(".local/share/other/x"));
  const auto set = m.find({m.at(".local/bin")});
  CHECK(shown(set, "uv") == Strings{m.at(".local/share/uv/tools")});
  CHECK(shown(set, "path") == Strings{m.at(".local/bin")});
  CHECK(shown(set, "pip") == Strings{m.at(".local/lib/python3.11")});
  for (const Toolchain& one : set.toolchains) {
    if (one.name == "path") CHECK(one.hidden_paths == Strings{m.at(".local/bin/id_rsa")});
  }
}

TEST_CASE("an entry of PATH behind a link is replaced by where it leads") {
  Machine m;
  m.file(".local/share/fnm/node-versions/v20/installation/bin/node");
  m.link("run/shell1", m.at(".local/share/fnm/node-versions/v20/installation"));
  const auto set = m.find({m.at("run/shell1/bin")});
  CHECK(shown(set) == Strings{m.at(".local/share/fnm")});
  CHECK(set.path == Strings{m.at(".local/share/fnm/node-versions/v20/installation/bin")});
}

TEST_CASE("entries that are relative, empty, private or in a workspace are dropped") {
  Machine m;
  m.file("ws/bin/ls");
  m.file(".ssh/id_rsa");
  m.file(".config/x/bin/y");
  m.link("towards", m.at("ws/bin"));
  const auto set =
      m.find({"", ".", "bin", m.at("ws/bin"), m.at("ws"), m.at("towards"), m.at(".ssh"),
              m.at(".config/x/bin"), m.at(""), m.base.string(), "/", "/home", "/proc", "/tmp",
              "/etc", "/nonexistent", "/usr/bin", "/usr/bin/"});
  CHECK(shown(set).empty());
  CHECK(set.path == Strings{"/usr/bin"});
}

TEST_CASE("a directory of PATH that no layout knows is shown alone, or with its whole prefix") {
  Machine m;
  m.file("scripts/tool");
  m.file("apps/jdk-21/bin/java");
  m.file("apps/jdk-21/lib/modules");
  m.file("sdk/go1.22/bin/go");
  m.file("sdk/go1.22/VERSION");
  m.file("sdk/secret");
  const auto set = m.find({m.at("scripts"), m.at("apps/jdk-21/bin"), m.at("sdk/go1.22/bin")});
  CHECK(shown(set) == Strings{m.at("apps/jdk-21"), m.at("scripts"), m.at("sdk/go1.22")});
}

TEST_CASE("links in a workspace select only known toolchains") {
  Machine m;
  m.file(".pyenv/versions/3.12/bin/python");
  m.file(".pyenv/shims/x");
  m.file(".ssh/id_rsa");
  m.file("private/bin/python");
  m.file(".cargo/credentials.toml");
  m.file(".local/share/uv/credentials/c");
  m.file(".local/share/uv/python/p/bin/python3");
  SECTION("a virtual environment") {
    m.link("ws/.venv/bin/python", m.at(".pyenv/versions/3.12/bin/python"));
    m.link("ws/venv/bin/python3", m.at(".local/share/uv/python/p/bin/python3"));
    const auto set = m.find({});
    CHECK(shown(set) == Strings{m.at(".local/share/uv/python"), m.at(".pyenv")});
    CHECK(set.path.empty());
  }
  SECTION("hostile ones") {
    m.link("ws/.venv/bin/python", m.at(".ssh/id_rsa"));
    m.link("ws/.venv/bin/python3", m.at("private/bin/python"));
    m.link("ws/venv/bin/python", m.at(".cargo/credentials.toml"));
    m.link("ws/venv/bin/python3", m.at(""));
    m.link("ws/env/bin/python", "/etc/shadow");
    m.link("ws/env/bin/python3", "/");
    m.link("ws/node_modules/.bin/a", m.at(".local/share/uv/credentials/c"));
    m.link("ws/node_modules/.bin/b", "/proc/self/root/root");
    m.link("ws/node_modules/.bin/loop", "loop");
    m.link("ws/.tox", m.at(""));
    const auto set = m.find({});
    for (const std::string& path : shown(set)) {
      CHECK((path == m.at(".local/share/uv/python") || path == m.at(".pyenv")));
    }
  }
}

TEST_CASE("a directory with a known name but another content is not shown") {
  Machine m;
  m.file(".nvm/notes.txt");
  m.link("ws/.venv/bin/python", m.at(".nvm/notes.txt"));
  CHECK(shown(m.find({})).empty());
}

TEST_CASE("a list of names keeps out the others") {
  Machine m;
  m.file(".nvm/versions/node/v20/bin/node");
  m.file(".pyenv/versions/3.12/bin/python");
  m.query.only = {{"pyenv"}};
  const auto set = m.find({m.at(".nvm/versions/node/v20/bin"), m.at(".pyenv/versions/3.12/bin")});
  CHECK(shown(set) == Strings{m.at(".pyenv")});
  CHECK(set.path == Strings{m.at(".pyenv/versions/3.12/bin")});
}
