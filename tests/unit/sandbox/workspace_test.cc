#include "sandbox/workspace.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catch_shim.h"

using namespace mayfly;
using namespace mayfly::sandbox;
namespace fs = std::filesystem;

namespace {

struct Home {
  Home() {
    std::string name = (fs::temp_directory_path() / "mayfly-workspace-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = fs::canonical(name);
    for (const char* below : {"project/src", ".ssh/deep", ".config/mayfly", ".cache/mayfly/sets",
                              "work/.git", "work/.config"}) {
      fs::create_directories(path / below);
    }
    user = HostUser{geteuid(), getegid(), "me", path.string()};
  }
  ~Home() { fs::remove_all(path); }
  std::string at(const std::string& below) const { return (path / below).string(); }

  fs::path path;
  HostUser user;
};

ErrorCode refusal(const std::string& path, const HostUser& user) {
  const auto workspace = open_workspace(path, user);
  INFO(path);
  REQUIRE_FALSE(workspace);
  CHECK(workspace.error().field == "workspace");
  CHECK_FALSE(workspace.error().remedy.empty());
  return workspace.error().code;
}

}  // namespace

TEST_CASE("a project directory becomes a workspace with its identity") {
  const Home home;
  fs::create_directory_symlink(home.at("project"), home.at("link"));
  for (const char* name : {"project", "link", "project/src/..", "project/"}) {
    const auto workspace = open_workspace(home.at(name), home.user);
    REQUIRE(workspace);
    struct stat info {};
    REQUIRE(stat(home.at("project").c_str(), &info) == 0);
    CHECK(workspace->path == home.at("project"));
    CHECK(workspace->device == info.st_dev);
    CHECK(workspace->inode == info.st_ino);
    CHECK(workspace->owner_uid == geteuid());
  }
  CHECK(open_workspace(home.at("work/.config"), home.user));
}

TEST_CASE("what is missing or no directory is unusable") {
  const Home home;
  std::ofstream(home.at("file")) << "x";
  CHECK(refusal(home.at("nothing"), home.user) == ErrorCode::kWorkspaceUnusable);
  CHECK(refusal(home.at("file"), home.user) == ErrorCode::kWorkspaceUnusable);
  CHECK(refusal("", home.user) == ErrorCode::kWorkspaceUnusable);
}

TEST_CASE("homes, private directories and Mayfly's own files are refused") {
  const Home home;
  for (const std::string& name : {std::string("."), std::string(".ssh"), std::string(".ssh/deep"),
                                  std::string(".config"), std::string(".config/mayfly"),
                                  std::string(".cache/mayfly/sets"), std::string("project/../")}) {
    CHECK(refusal(home.at(name), home.user) == ErrorCode::kWorkspaceRefused);
  }
  CHECK(refusal(home.path.parent_path().string(), home.user) == ErrorCode::kWorkspaceRefused);
  fs::create_directory_symlink(home.at(".ssh"), home.at("project/innocent"));
  CHECK(refusal(home.at("project/innocent"), home.user) == ErrorCode::kWorkspaceRefused);
}

TEST_CASE("system directories are refused") {
  const Home home;
  for (const char* path : {"/", "/usr", "/usr/lib", "/bin", "/etc", "/dev", "/proc", "/sys", "/run",
                           "/var", "/var/lib", "/home", "/tmp", "/dev/shm", "/proc/self"}) {
    CHECK(refusal(path, home.user) == ErrorCode::kWorkspaceRefused);
  }
}

TEST_CASE("without a workspace it is the client's project, else the current directory") {
  CHECK(default_workspace({{"A", "b"}, {"CLAUDE_PROJECT_DIR", "/x/y"}}).value() == "/x/y");
  CHECK(default_workspace({{"CLAUDE_PROJECT_DIR", ""}}).value() == fs::current_path().string());
}

TEST_CASE("a user is known by uid, the caller by $HOME") {
  CHECK(host_user(0).name == "root");
  CHECK(host_user(4242424).name == "4242424");
  const char* home = getenv("HOME");
  if (home != nullptr && home[0] == '/') CHECK(host_user(geteuid()).home == home);
}

TEST_CASE("is_within compares whole components") {
  CHECK(is_within("/a/b", "/a"));
  CHECK(is_within("/a", "/a"));
  CHECK(is_within("/a", "/"));
  CHECK_FALSE(is_within("/ab", "/a"));
  CHECK_FALSE(is_within("/a", "/a/b"));
}
