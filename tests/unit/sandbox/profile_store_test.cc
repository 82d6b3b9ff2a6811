#include "sandbox/profile_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catch_shim.h"
#include "sandbox/shipped_profiles.h"

namespace mayfly::sandbox {
namespace {

namespace fs = std::filesystem;

// A user's and a system's directory of profiles.
struct Places {
  Places() {
    std::string name = "/tmp/mayfly-store-XXXXXX";
    path = ::mkdtemp(name.data());
    for (const char* each : {"/user", "/system", "/w"}) fs::create_directory(path + each);
  }
  ~Places() { fs::remove_all(path); }
  std::string write(const std::string& file, const std::string& text) const {
    fs::create_directories(fs::path(path + "/" + file).parent_path());
    std::ofstream(path + "/" + file) << text;
    ::chmod((path + "/" + file).c_str(), 0644);
    return path + "/" + file;
  }
  ProfileStore store() const { return ProfileStore({path + "/user", path + "/system"}); }
  Profile load(const std::string& name) const {
    auto loaded = store().load(name);
    if (!loaded) FAIL(loaded.error().message);
    return loaded->profile;
  }
  std::string error(const std::string& name) const {
    const auto loaded = store().load(name);
    REQUIRE_FALSE(loaded.has_value());
    return loaded.error().message;
  }
  std::string path;
};

std::string layers(const Profile& profile) {
  std::string out;
  for (const auto& layer : profile.layers) out += (out.empty() ? "" : " ") + layer.value;
  return out;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("a chain is merged from its start, and each later file has the say") {
  const Places places;
  places.write("user/a.toml", "extends = 'b'\n[limits]\nprocesses = 1\n");
  places.write("system/b.toml", "extends = 'c'\n[limits]\nprocesses = 2\nopen_files = 20\n");
  places.write("system/c.toml", "[limits]\nprocesses = 3\nopen_files = 30\nwall = '3s'\n");
  const Profile profile = places.load("a");
  CHECK(profile.name == "a");
  CHECK(layers(profile) == "c b a");
  CHECK(profile.limits.processes->value == 1);
  CHECK(profile.limits.open_files->value == 20);
  CHECK(profile.limits.wall->value == milliseconds(3000));
  CHECK(to_string(profile.limits.open_files->at) == places.path + "/system/b.toml:4:14");
  CHECK(profile.extends.size() == 1);
}

TEST_CASE("what several bases have in common is merged once, where it came first") {
  const Places places;
  places.write("user/top.toml", "extends = ['left', 'right', 'left']\n");
  places.write("user/left.toml", "extends = 'base'\n[limits]\nprocesses = 5\n");
  places.write("user/right.toml", "extends = 'base'\n");
  places.write("user/base.toml", "[limits]\nprocesses = 9\n[filesystem]\nread = ['/srv/x']\n");
  const Profile profile = places.load("top");
  CHECK(layers(profile) == "base left right top");
  CHECK(profile.limits.processes->value == 5);
  CHECK(profile.paths.size() == 1);
}

TEST_CASE("a circle is an error that names the way round, at the place that closes it") {
  const Places places;
  places.write("user/a.toml", "extends = 'b'\n");
  places.write("user/b.toml", "\nextends = ['c']\n");
  places.write("user/c.toml", "extends = [\n'a']\n");
  const std::string error = places.error("a");
  CHECK_THAT(error, test::contains("a > b > c > a"));
  CHECK_THAT(error, test::contains("/user/c.toml:2:1: error: \"a\" extends itself"));
  CHECK(count(error, "\n") == 0);
  // Also when the same file has two names.
  fs::create_symlink("a.toml", places.path + "/user/other.toml");
  places.write("user/a.toml", "extends = 'other'\n");
  CHECK_THAT(places.error("a"), test::contains("a > other"));
}

TEST_CASE("a file extends nothing that lies in front of its own place") {
  const Places places;
  places.write("system/b.toml", "extends = 'c'\n");
  places.write("user/c.toml", "");
  CHECK_THAT(places.error("b"), test::contains("\"c\" is no profile that could be extended"));
  CHECK_THAT(places.error("b"), test::contains("/user/c.toml comes before this one"));
}

TEST_CASE("its own name means the next place: the user's, the system's, the one that ships") {
  const Places places;
  places.write("user/default.toml", "extends = 'default'\n[limits]\nprocesses = 1\n");
  places.write("system/default.toml", "extends = 'default'\n[limits]\nopen_files = 20\n");
  const Profile profile = places.load("default");
  CHECK(layers(profile) == "default default default");
  CHECK(profile.limits.processes->value == 1);
  CHECK(profile.limits.open_files->value == 20);
  CHECK(profile.limits.disk_bytes->value == 16ULL << 30);
  // What ships extends what ships: a change of default is none of strict.
  CHECK(places.load("readonly").limits.processes->value == 1024);
  places.write("user/ours.toml", "extends = 'default'\n");
  CHECK(places.load("ours").limits.processes->value == 1);
  places.write("system/default.toml", "[limits]\nopen_files = 20\n");
  CHECK_FALSE(places.load("default").limits.disk_bytes.has_value());

  places.write("system/mine.toml", "\nextends = 'mine'\n");
  CHECK_THAT(
      places.error("mine"),
      test::contains("/system/mine.toml:2:11: error: \"mine\" extends its own name, and there "
                     "is no further one"));
}

TEST_CASE("a profile that does not exist gets the nearest name, where it was written") {
  const Places places;
  places.write("user/webapp.toml", "extends = ['default', 'stirct']\n");
  const auto missing = places.store().load("webap");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == ErrorCode::kUnknownProfile);
  CHECK_THAT(missing.error().remedy, test::contains("webapp"));
  CHECK_THAT(places.error("webapp"),
             test::contains("/user/webapp.toml:1:23: error: \"stirct\" is no profile that could be "
                            "extended; Did you mean \"strict\"?"));
  for (const char* name : {"", ".", "..", "a b", "-a"}) {
    CHECK(places.store().load(name).error().code == ErrorCode::kUnknownProfile);
  }
}

TEST_CASE("a profile is also a path, if it looks like one") {
  const Places places;
  const std::string path = places.write("w/special.toml", "extends = 'special'\n");
  CHECK_THAT(places.error(path), test::contains("extends its own name"));
  places.write("user/special.toml", "[limits]\nprocesses = 1\n");
  CHECK(places.load(path).limits.processes->value == 1);
  CHECK(places.load(path).name == "special");
  CHECK_THAT(places.error(places.path + "/w/absent.toml"), test::contains("No such file"));
  CHECK_THAT(places.error(places.write("w/not a name.toml", "")),
             test::contains("is not named like"));
}

TEST_CASE("everything that is wrong along the chain is told at once, and once") {
  const Places places;
  places.write("user/a.toml", "extends = ['left', 'right']\n[limits]\nwall = 'x'\n");
  places.write("user/left.toml", "extends = 'bad'\n");
  places.write("user/right.toml", "extends = 'bad'\n");
  places.write("user/bad.toml", "[limits]\nprocesses = 'many'\nwal = 1\n");
  // A file that cannot be read says nothing of what it extends.
  const std::string error = places.error("left");
  CHECK(count(error, "bad.toml:2:13") == 1);
  CHECK(count(error, "bad.toml:3:1") == 1);
  places.write("user/a.toml", "extends = ['left', 'right', 'none']\n");
  const std::string all = places.error("a");
  CHECK(count(all, "bad.toml:2:13") == 1);
  CHECK(count(all, "a.toml:1:29: error: \"none\" is no profile") == 1);
}

TEST_CASE("a chain without end and one of very many files are refused") {
  const Places places;
  for (int i = 0; i < 70; ++i) {
    places.write("user/p" + std::to_string(i) + ".toml",
                 "extends = 'p" + std::to_string(i + 1) + "'\n");
  }
  places.write("user/p70.toml", "");
  CHECK_THAT(places.error("p0"), test::contains("more than 64 files"));
  CHECK(places.store().load("p10").has_value());
  std::string many = "extends = [";
  for (int i = 0; i < 4096; ++i) many += "\n'default',";
  places.write("user/many.toml", many + "]\n");
  CHECK(layers(places.load("many")) == "default many");
}

TEST_CASE("a file that others could write is no base, and says so where it is named") {
  const Places places;
  places.write("user/a.toml", "\nextends = 'b'\n");
  ::chmod(places.write("user/b.toml", "").c_str(), 0666);
  CHECK_THAT(places.error("a"), test::contains("/user/a.toml:2:11: error: \"" + places.path));
  CHECK_THAT(places.error("a"), test::contains("can be written by other users"));
  CHECK_THAT(places.error("b"), test::contains("can be written by other users"));
  // It does not fall back to what it shadows.
  ::chmod(places.write("user/strict.toml", "").c_str(), 0666);
  CHECK_THAT(places.error("strict"), test::contains("can be written by other users"));
}

TEST_CASE("marks show each change of what was read, and of what was not there") {
  const Places places;
  places.write("user/a.toml", "extends = 'b'\n");
  places.write("system/b.toml", "");
  const auto changed = [](const std::vector<settings::FileMark>& marks) {
    return std::any_of(marks.begin(), marks.end(),
                       [](const auto& mark) { return !(settings::mark_of(mark.path) == mark); });
  };
  const auto loaded = places.store().load("a");
  REQUIRE(loaded.has_value());
  CHECK_FALSE(changed(loaded->marks));
  const std::string shadow = places.write("user/b.toml", "");
  CHECK(changed(loaded->marks));
  fs::remove(shadow);
  CHECK_FALSE(changed(loaded->marks));
  places.write("system/b.toml", "# longer\n");
  CHECK(changed(loaded->marks));
}

TEST_CASE("a link that leads nowhere is an error, and what is behind it does not hold instead") {
  const Places places;
  fs::create_symlink("nowhere.toml", places.path + "/user/default.toml");
  CHECK_THAT(places.error("default"), test::contains("leads nowhere"));
  CHECK(places.store().find("default").size() == 2);
  fs::remove(places.path + "/user/default.toml");
  CHECK(places.load("default").name == "default");
}

TEST_CASE("a list has each name once, and finding one shows what it shadows") {
  const Places places;
  places.write("user/mine.toml", "");
  places.write("user/strict.toml", "");
  places.write("system/strict.toml", "");
  places.write("user/.hidden.toml", "");
  places.write("user/notes.txt", "");
  std::vector<std::string> names;
  for (const auto& place : places.store().list()) names.push_back(place.name);
  CHECK(names ==
        std::vector<std::string>{"default", "readonly", "strict", "build", "network", "mine"});
  const auto found = places.store().find("strict");
  REQUIRE(found.size() == 3);
  CHECK(found[0].path == places.path + "/user/strict.toml");
  CHECK(found[1].path == places.path + "/system/strict.toml");
  CHECK(found[2].path.empty());
}

TEST_CASE("a project's file is the same format, not trusted, and extends nothing") {
  const Places places;
  const std::string workspace = places.path + "/w";
  std::vector<settings::FileMark> marks;
  REQUIRE(load_project_profile(workspace, marks).has_value());
  CHECK_FALSE(load_project_profile(workspace, marks)->has_value());
  CHECK(marks.size() == 2);
  const std::string path = places.write("w/.mayfly/profile.toml", "[limits]\nprocesses = 5\n");
  const auto profile = load_project_profile(workspace, marks);
  REQUIRE(profile.has_value());
  REQUIRE(profile->has_value());
  CHECK((*profile)->limits.processes->value == 5);
  CHECK(settings::trust_of((*profile)->limits.processes->at) == settings::Trust::kProject);
  places.write("w/.mayfly/profile.toml", "extends = 'build'\n");
  CHECK_THAT(load_project_profile(workspace, marks).error().message,
             test::contains(path + ":1:11: error: \"extends\" has no place in a project's file"));
}

TEST_CASE("a project's file is read as hostile") {
  const Places places;
  const std::string workspace = places.path + "/w";
  const std::string path = workspace + "/.mayfly/profile.toml";
  const auto error = [&] {
    std::vector<settings::FileMark> marks;
    const auto profile = load_project_profile(workspace, marks);
    REQUIRE_FALSE(profile.has_value());
    CHECK(profile.error().code == ErrorCode::kInvalidConfiguration);
    return profile.error().message;
  };
  fs::create_directory(workspace + "/.mayfly");
  fs::create_symlink("/etc/passwd", path);
  CHECK_THAT(error(), test::contains("symbolic link"));
  fs::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0644) == 0);
  CHECK_THAT(error(), test::contains("is no regular file"));
  fs::remove(path);
  fs::create_directory(path);
  CHECK_THAT(error(), test::contains("is no regular file"));
  fs::remove(path);
  places.write("w/.mayfly/profile.toml", std::string(2 << 20, '#'));
  CHECK_THAT(error(), test::contains("is larger than 1 MiB"));
  places.write("w/.mayfly/profile.toml", "[limits]\nwall = \"\x1b[2J\"\n");
  CHECK_THAT(error(), test::contains("profile.toml:2:"));
  places.write("w/.mayfly/profile.toml", "\"a\\nfake.toml:1:1: error: \" = 1\n");
  CHECK(count(error(), "\n") == 0);
  fs::remove_all(workspace + "/.mayfly");
  places.write("elsewhere/profile.toml", "");
  fs::create_symlink(places.path + "/elsewhere", workspace + "/.mayfly");
  CHECK_THAT(error(), test::contains("symbolic link"));
}

}  // namespace mayfly::sandbox
