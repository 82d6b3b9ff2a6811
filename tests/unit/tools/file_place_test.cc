#include "tools/file_place.h"

#include <string>

#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using test::contains;

sandbox::Policy two_workspaces() {
  sandbox::Policy policy = test::test_policy("default");
  policy.workspaces[0].path = "/srv/one";
  policy.workspaces.push_back({"/srv/one/two", 0, 0, 0, 0});
  policy.identity.home = "/home/me";
  return policy;
}

// "area|path|shown", or the code of the error.
std::string placed(const std::string& path, PlaceUse use = PlaceUse::kRead) {
  const auto target = place(path, two_workspaces(), use);
  if (!target) return to_string(target.error().code) + " " + target.error().field;
  return target->area + "|" + target->path + "|" + target->shown;
}

TEST_CASE("a relative path is below the first workspace, an absolute one below its own") {
  CHECK(placed("a/b.cc") == "/srv/one|a/b.cc|a/b.cc");
  CHECK(placed(".") == "/srv/one||.");
  CHECK(placed("./a//b/./c/") == "/srv/one|a/b/c|a/b/c");
  CHECK(placed("/srv/one") == "/srv/one||.");
  CHECK(placed("/srv/one/a") == "/srv/one|a|a");
  CHECK(placed("/srv/one/two/a") == "/srv/one/two|a|/srv/one/two/a");
  CHECK(placed("/srv/onerous") == "/|srv/onerous|/srv/onerous");
  CHECK(placed("/usr/include") == "/|usr/include|/usr/include");
  CHECK(placed("/") == "/||/");
  CHECK(placed("file:///srv/one/a") == "/srv/one|a|a");
}

TEST_CASE("words before .. decide on the area, so that .. cannot lead into another") {
  CHECK(placed("/srv/one/../etc/x") == "/srv/one|../etc/x|../etc/x");
  CHECK(placed("../x") == "/srv/one|../x|../x");
  CHECK(placed("/scratch/../x") == "/scratch|../x|/scratch/../x");
}

TEST_CASE("$SCRATCH is understood, and only as the beginning of a path") {
  CHECK(placed("$SCRATCH/a") == "/scratch|a|/scratch/a");
  CHECK(placed("${SCRATCH}/a") == "/scratch|a|/scratch/a");
  CHECK(placed("$SCRATCH") == "/scratch||/scratch");
  CHECK(placed("$SCRATCHED") == "/srv/one|$SCRATCHED|$SCRATCHED");
  CHECK(placed("a/$SCRATCH") == "/srv/one|a/$SCRATCH|a/$SCRATCH");
}

TEST_CASE("a place that is new for each call is refused, and $SCRATCH named") {
  for (const char* path : {"/tmp", "/tmp/x", "/dev/shm/x", "/usr/../tmp/x", "//tmp//x"}) {
    INFO(path);
    const auto target = place(path, two_workspaces(), PlaceUse::kRead);
    REQUIRE_FALSE(target);
    CHECK(target.error().code == ErrorCode::kInvalidArgument);
    CHECK(target.error().field == "path");
    CHECK_THAT(target.error().remedy, contains("$SCRATCH (/scratch)"));
  }
  CHECK(placed("/tmpfile") == "/|tmpfile|/tmpfile");
}

TEST_CASE("what is mounted below /tmp is no such place") {
  sandbox::Policy policy = two_workspaces();
  policy.mounts.push_back(
      {"/data", "/tmp/data", sandbox::Access::kRead, sandbox::Ownership::kAsOnHost, "", {}});
  CHECK(place("/tmp/data/x", policy, PlaceUse::kRead));
  CHECK_FALSE(place("/tmp/database", policy, PlaceUse::kRead));
}

TEST_CASE("the private home may be read, but a file that would vanish there is not written") {
  CHECK(placed("/home/me/.profile", PlaceUse::kRead) == "/|home/me/.profile|/home/me/.profile");
  CHECK(placed("/home/me/.profile", PlaceUse::kWrite) == "E5001 path");
}

TEST_CASE("what no path can be is refused by the name of the argument") {
  CHECK(placed("") == "E5001 path");
  CHECK(placed(std::string("a\0b", 3)) == "E5001 path");
  CHECK(placed(std::string(4096, 'x')) == "E5001 path");
  CHECK(placed("file:///a%20b") == "E5001 path");
  sandbox::Policy policy = two_workspaces();
  policy.workspaces.clear();
  CHECK_FALSE(place("a", policy, PlaceUse::kRead));
}

}  // namespace
}  // namespace mayfly::tools
