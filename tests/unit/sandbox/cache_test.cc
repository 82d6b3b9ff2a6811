#include "sandbox/cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catch_shim.h"
#include "sandbox/remove_tree.h"

using namespace mayfly;
using namespace mayfly::sandbox;
namespace fs = std::filesystem;

namespace {

struct Place {
  Place() {
    std::string name = (fs::temp_directory_path() / "mayfly-cache-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    base = fs::canonical(name);
    root = (base / "a/b/mayfly").string();
  }
  ~Place() {
    const OwnedFd parent(open(base.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    CHECK(remove_tree(parent.get(), base.filename().string()));
  }
  CacheLocation location(const std::string& workspace, const std::string& profile = "default") {
    return {root, workspace, profile, geteuid(), getegid()};
  }
  CacheSet open_set(const std::string& workspace, const std::string& profile = "default") {
    auto set = open_cache(location(workspace, profile));
    if (!set) FAIL(describe(set.error()));
    return *std::move(set);
  }

  fs::path base;
  std::string root;
};

void age(const CacheSet& set, int seconds) {
  const timespec times[2] = {{1'000'000 + seconds, 0}, {1'000'000 + seconds, 0}};
  REQUIRE(futimens(set.lock.get(), times) == 0);
}

void fill(const CacheSet& set, std::size_t bytes) {
  std::ofstream(set.directories[0].host + "/data") << std::string(bytes, 'x');
}

}  // namespace

TEST_CASE("a cache is private, made on demand and found again") {
  Place place;
  const CacheSet set = place.open_set("/home/me/My Project");
  CHECK_THAT(set.path, test::contains("/sets/My_Project-"));
  CHECK(set.directories.front().inside == ".cache");
  for (const CacheDirectory& directory : set.directories) {
    struct stat info {};
    REQUIRE(lstat(directory.host.c_str(), &info) == 0);
    CHECK(S_ISDIR(info.st_mode));
    CHECK((info.st_mode & 07777) == 0700);
    CHECK(info.st_uid == geteuid());
  }
  CHECK(place.open_set("/home/me/My Project").directories == set.directories);
  CHECK(place.open_set("/home/me/My_Project").path != set.path);
  CHECK(place.open_set("/home/me/My Project", "build").path != set.path);
}

TEST_CASE("names stay the same from build to build") {
  Place place;
  CHECK(fs::path(place.open_set("/w").path).filename() == "w-1677d2c9f69566e2-default");
}

TEST_CASE("as root a cache belongs to the sandbox's uid") {
  if (geteuid() != 0) return;
  Place place;
  CacheLocation location = place.location("/w");
  location.owner_uid = location.owner_gid = 54321;
  const auto set = open_cache(location);
  REQUIRE(set);
  struct stat info {};
  REQUIRE(lstat(set->directories[0].host.c_str(), &info) == 0);
  CHECK(info.st_uid == 54321);
  CHECK(info.st_gid == 54321);
  REQUIRE(lstat(set->path.c_str(), &info) == 0);
  CHECK(info.st_uid == 0);
  location.owner_uid = 54322;
  const auto other = open_cache(location);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == ErrorCode::kPathRefused);
}

TEST_CASE("links and files in the place of a directory are refused") {
  Place place;
  const std::string path = place.open_set("/w").path;
  const std::string victim = GENERATE(std::string("/npm"), std::string(""));
  fs::remove_all(path + victim);
  SECTION("a link") { fs::create_directory_symlink("/etc", path + victim); }
  SECTION("a file") { std::ofstream(path + victim) << "x"; }
  const auto set = open_cache(place.location("/w"));
  REQUIRE_FALSE(set);
  CHECK(set.error().code == ErrorCode::kPathRefused);
  CHECK(set.error().os_errno == 0);
}

TEST_CASE("trimming removes the least recently used sets that nobody uses") {
  Place place;
  const CacheSet held = place.open_set("/held");
  age(held, 1);
  fill(held, 1 << 20);
  std::string old_path, new_path;
  {
    const CacheSet older = place.open_set("/older");
    const CacheSet newer = place.open_set("/newer");
    fill(older, 1 << 20);
    fill(newer, 1 << 20);
    age(older, 2);
    age(newer, 3);
    old_path = older.path;
    new_path = newer.path;
  }
  auto report = trim_cache(place.root, 100 << 20);
  REQUIRE(report);
  CHECK(report->removed.empty());
  CHECK(report->bytes_before > 3 << 20);
  report = trim_cache(place.root, 5 << 19);
  REQUIRE(report);
  CHECK(report->removed == std::vector<std::string>{fs::path(old_path).filename().string()});
  CHECK(report->in_use == std::vector<std::string>{fs::path(held.path).filename().string()});
  CHECK(report->bytes_after < 5 << 19);
  CHECK_FALSE(fs::exists(old_path));
  CHECK(fs::exists(new_path));
  CHECK(fs::exists(held.path));
}

TEST_CASE("clearing removes all but what is in use, and empties the trash") {
  Place place;
  const CacheSet held = place.open_set("/held");
  (void)place.open_set("/other");
  fs::create_directories(place.root + "/trash/1-1/x");
  const auto report = clear_cache(place.root);
  REQUIRE(report);
  CHECK(report->removed.size() == 1);
  CHECK(report->in_use.size() == 1);
  CHECK(report->failed.empty());
  CHECK(fs::is_empty(place.root + "/trash"));
  CHECK(clear_cache((place.base / "never").string()).value().removed.empty());
}

TEST_CASE("removal stays in the tree whatever a sandbox left there") {
  Place place;
  std::string path;
  {
    const CacheSet set = place.open_set("/w");
    path = set.path;
    const std::string cache = set.directories[0].host;
    fs::create_directories(place.base / "outside/d");
    std::ofstream(place.base / "outside/f") << "x";
    fs::create_directory_symlink(place.base / "outside", cache + "/link");
    REQUIRE(mkfifo((cache + "/fifo").c_str(), 0) == 0);
    fs::create_directories(cache + "/readonly/deep");
    std::ofstream(cache + "/readonly/deep/f") << "x";
    fs::permissions(cache + "/readonly/deep", fs::perms::none);
    fs::permissions(cache + "/readonly", fs::perms::owner_read);
    fs::create_directories(cache + "/.mayfly-removing-1/x");
    // Deeper than any path, and than there are descriptors.
    OwnedFd at(open(cache.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (int depth = 0; depth < 5000; ++depth) {
      REQUIRE(mkdirat(at.get(), "dddddddddd", 0700) == 0);
      at.reset(openat(at.get(), "dddddddddd", O_PATH | O_DIRECTORY | O_CLOEXEC));
      REQUIRE(at.valid());
    }
  }
  const auto report = clear_cache(place.root);
  REQUIRE(report);
  CHECK(report->failed.empty());
  CHECK_FALSE(fs::exists(path));
  CHECK(fs::exists(place.base / "outside/f"));
  CHECK(fs::exists(place.base / "outside/d"));
}
