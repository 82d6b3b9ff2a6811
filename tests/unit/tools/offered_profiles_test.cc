#include "tools/offered_profiles.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using test::contains;
using test::test_policy;

// A directory with the "profile" files of one name each: a name that starts with "bad" cannot be
// read, one with "wide" widens.
class Files {
 public:
  Files() {
    char name[] = "/tmp/offered-profiles-XXXXXX";
    top_ = ::mkdtemp(name);
  }
  ~Files() { std::filesystem::remove_all(top_); }
  std::string path(const std::string& name) const { return top_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name) + ".new") << text;
    std::filesystem::rename(path(name) + ".new", path(name));
  }
  void remove(const std::string& name) const { std::filesystem::remove(path(name)); }

 private:
  std::string top_;
};

Error error(ErrorCode code, const std::string& message) {
  Error out;
  out.code = code;
  out.message = message;
  return out;
}

// One profile, named by what `profile` says on top of what `base`, if there, says.
class Server {
 public:
  Server() {
    files.write("profile", "first");
    std::vector<settings::FileMark> marks;
    offered = std::make_unique<OfferedProfiles>(
        *load(marks), [this](std::vector<settings::FileMark>& seen) { return load(seen); },
        [this](const OfferedProfile& each) -> Result<sandbox::Policy> {
          if (each.profile.name.starts_with("wide")) {
            return fail(error(ErrorCode::kWideningRefused, "wider"));
          }
          if (!resolvable) return fail(error(ErrorCode::kWorkspaceUnusable, "away"));
          ++resolved;
          return test_policy(each.profile.name);
        },
        [this](const std::string& line) { log.push_back(line); });
  }

  Result<ProfileSet> load(std::vector<settings::FileMark>& marks) {
    ++loaded;
    ProfileSet set;
    std::string name;
    for (const char* file : {"profile", "base", "project"}) {
      marks.push_back(settings::mark_of(files.path(file)));
      std::string text;
      std::ifstream(files.path(file)) >> text;
      if (text.starts_with("bad") && std::string(file) == "project") {
        set.refusal = error(ErrorCode::kInvalidConfiguration, text);
      } else if (text.starts_with("bad")) {
        return fail(error(ErrorCode::kInvalidConfiguration, text));
      } else {
        name += text;
      }
    }
    if (name.empty()) return fail(error(ErrorCode::kUnknownProfile, "gone"));
    sandbox::Profile profile;
    profile.name = name;
    set.profiles.push_back({profile, {}});
    set.marks = marks;
    return set;
  }

  std::string in_force() const {
    const auto policy = offered->policy("");
    return policy ? (*policy)->profile : to_string(policy.error().code);
  }

  Files files;
  int loaded = 0;
  int resolved = 0;
  bool resolvable = true;
  std::vector<std::string> log;
  std::unique_ptr<OfferedProfiles> offered;
};

TEST_CASE("the next call has what a file says now, and one without a change reads nothing") {
  Server server;
  CHECK(server.in_force() == "first");
  CHECK(server.in_force() == "first");
  CHECK(server.loaded == 1);
  CHECK(server.resolved == 1);
  CHECK(server.log.empty());
  server.files.write("profile", "second");
  CHECK(server.in_force() == "second");
  CHECK(server.loaded == 2);
  REQUIRE(server.log.size() == 1);
  CHECK_THAT(server.log[0], contains("second"));
}

TEST_CASE("of what is bad nothing is taken, which is said once, and what is mended is taken") {
  Server server;
  const auto kept = *server.offered->policy("");
  server.files.write("profile", "bad-one");
  CHECK(*server.offered->policy("") == kept);
  CHECK(server.in_force() == "first");
  CHECK(server.log.size() == 1);
  CHECK_THAT(server.offered->trouble(), contains("bad-one"));
  CHECK(server.offered->state().trouble == server.offered->trouble());
  // Touched, and as bad as before.
  server.files.write("profile", "bad-one");
  CHECK(server.in_force() == "first");
  CHECK(server.log.size() == 1);
  server.files.write("profile", "bad-two");
  CHECK(server.in_force() == "first");
  CHECK(server.log.size() == 2);
  server.files.write("profile", "third");
  CHECK(server.in_force() == "third");
  CHECK(server.offered->trouble().empty());
  CHECK(server.log.size() == 3);
}

TEST_CASE("who asks for a reading is told of its outcome again") {
  Server server;
  server.offered->refresh(OfferedProfiles::When::kAlways);
  CHECK(server.log.size() == 1);
  server.files.write("profile", "bad");
  server.offered->refresh(OfferedProfiles::When::kIfChanged);
  server.offered->refresh(OfferedProfiles::When::kIfChanged);
  CHECK(server.log.size() == 2);
  server.offered->refresh(OfferedProfiles::When::kAlways);
  CHECK(server.log.size() == 3);
}

TEST_CASE("a file that was not there counts when it appears, and one that goes away no more") {
  Server server;
  CHECK(server.in_force() == "first");
  server.files.write("base", "-on-base");
  CHECK(server.in_force() == "first-on-base");
  server.files.remove("base");
  CHECK(server.in_force() == "first");
  server.files.remove("profile");
  CHECK(server.in_force() == "first");
  CHECK_THAT(server.offered->trouble(), contains("E1002"));
}

TEST_CASE("a workspace's own file that is bad or widens has calls refused until it is mended") {
  Server server;
  server.files.write("project", "bad-project");
  CHECK(server.in_force() == "E1001");
  CHECK(server.in_force() == "E1001");
  CHECK(server.log.size() == 1);
  CHECK(server.offered->trouble().empty());
  CHECK_THAT(server.offered->state().refusal, contains("bad-project"));
  server.files.write("project", "-narrower");
  CHECK(server.in_force() == "first-narrower");
  CHECK(server.offered->state().refusal.empty());
  server.files.write("profile", "wide");
  CHECK(server.in_force() == "E2003");
  CHECK_THAT(server.offered->state().refusal, contains("wider"));
  server.files.write("profile", "first");
  CHECK(server.in_force() == "first-narrower");
}

TEST_CASE("what failed for a reason outside of the files is tried again by each call") {
  Server server;
  CHECK(server.in_force() == "first");
  server.resolvable = false;
  server.files.write("profile", "second");
  CHECK(server.in_force() == "first");
  CHECK(server.in_force() == "first");
  CHECK_THAT(server.offered->trouble(), contains("away"));
  CHECK(server.log.size() == 1);
  server.resolvable = true;
  CHECK(server.in_force() == "second");
  CHECK(server.offered->trouble().empty());
}

TEST_CASE("a policy that a call holds does not change under it") {
  Server server;
  const auto held = *server.offered->policy("");
  server.files.write("profile", "second");
  CHECK(server.in_force() == "second");
  CHECK(held->profile == "first");
}

TEST_CASE("whoever wants to know is told of what was taken, and only of that") {
  Server server;
  std::vector<std::string> taken;
  server.offered->when_taken([&](const auto& policies) {
    for (const auto& policy : policies) taken.push_back(policy->profile);
  });
  server.files.write("profile", "second");
  CHECK(server.in_force() == "second");
  server.files.write("profile", "bad");
  CHECK(server.in_force() == "second");
  CHECK(taken == std::vector<std::string>{"second"});
}

}  // namespace
}  // namespace mayfly::tools
