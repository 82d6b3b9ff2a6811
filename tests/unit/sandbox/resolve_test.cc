#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catch_shim.h"
#include "sandbox/path_rules.h"
#include "sandbox/policy.h"
#include "sandbox/profile_format.h"
#include "sandbox/shipped_profiles.h"

namespace mayfly::sandbox {
namespace {

namespace fs = std::filesystem;

// A home, a workspace and a directory of data, each beside the others.
struct World {
  World() {
    std::string name = "/tmp/mayfly-resolve-XXXXXX";
    path = ::mkdtemp(name.data());
    for (const char* each : {"/home/.ssh", "/w", "/data/in"}) fs::create_directories(path + each);
    host.user = host_user(::getuid());
    host.user.home = path + "/home";
    host.workspaces = {path + "/w"};
    host.environment = {{"PATH", "/usr/bin"}, {"AWS_KEY", "k"}, {"AWSOME", "no"}, {"TZ", "UTC"}};
  }
  ~World() { fs::remove_all(path); }

  // With @ for the directory of it all.
  std::string text(std::string out) const {
    for (auto at = out.find('@'); at != std::string::npos; at = out.find('@', at + path.size())) {
      out.replace(at, 1, path);
    }
    return out;
  }
  Result<Policy> resolve(const std::string& profile) const {
    settings::Diagnostics diagnostics;
    const auto source =
        std::make_shared<settings::Source>(settings::Source{"a.toml", settings::Trust::kOperator});
    const auto parsed = parse_profile(text(profile), "a", source, diagnostics);
    if (!parsed) FAIL(diagnostics.to_error().message);
    return sandbox::resolve(*parsed, host);
  }
  Policy policy(const std::string& profile) const {
    auto out = resolve(profile);
    if (!out) FAIL(describe(out.error()));
    return *std::move(out);
  }
  void check_refused(const std::string& profile, const std::string& why) const {
    INFO(profile);
    const auto out = resolve(profile);
    REQUIRE_FALSE(out.has_value());
    CHECK_THAT(describe(out.error()), test::contains(why));
    CHECK_THAT(describe(out.error()), test::contains("a.toml:2:"));
    CHECK_FALSE(out.error().remedy.empty());
  }
  std::string path;
  Host host;
};

const MountRule* mount_at(const Policy& policy, const std::string& path) {
  for (const MountRule& mount : policy.mounts) {
    if (mount.destination == path) return &mount;
  }
  return nullptr;
}

std::string variable(const Policy& policy, const std::string& name) {
  for (const auto& [key, value] : policy.environment) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace

TEST_CASE("a profile that says nothing shows the workspace, read-only, and nothing else") {
  const World world;
  const Policy policy = world.policy("");
  REQUIRE(policy.mounts.size() == 1);
  CHECK(policy.mounts[0].destination == world.path + "/w");
  CHECK(policy.mounts[0].access == Access::kRead);
  CHECK(policy.network.mode == NetworkMode::kNone);
  CHECK(policy.syscalls.allow.empty());
  CHECK(policy.capabilities.empty());
}

TEST_CASE("rules become paths of this host, each with the place that it comes from") {
  const World world;
  std::ofstream(world.path + "/data/in/a.csv") << "1";
  std::ofstream(world.path + "/data/in/b.txt") << "1";
  const Policy policy = world.policy(
      "[filesystem]\nread = ['@/data/in/*.csv', '@/absent']\nhide = ['${workspace}/.env']\n"
      "deny = ['${home}/x']\ntmpfs = { '${workspace}/target' = '1M' }\n"
      "bind = [{ source = '@/data', destination = '/srv/data' }]\n");
  const MountRule* csv = mount_at(policy, world.path + "/data/in/a.csv");
  REQUIRE(csv != nullptr);
  CHECK(csv->rule == "a: filesystem.read");
  CHECK(to_string(csv->at) == "a.toml:2:9");
  CHECK(mount_at(policy, world.path + "/data/in/b.txt") == nullptr);
  CHECK(mount_at(policy, world.path + "/absent") == nullptr);
  CHECK(mount_at(policy, "/srv/data")->source == world.path + "/data");
  CHECK(mount_at(policy, "/srv/data")->access == Access::kRead);
  REQUIRE(policy.covers.size() == 2);
  CHECK(policy.covers[0].path == world.path + "/w/.env");
  CHECK(policy.covers[1].path == policy.identity.home + "/x");
  CHECK(policy.tmpfs.front().destination == world.path + "/w/target");
}

TEST_CASE("a workspace called like a pattern is still denied what it is denied") {
  World world;
  const std::string odd = world.path + "/a[b]*";
  fs::create_directory(odd);
  std::ofstream(odd + "/.env") << "secret";
  world.host.workspaces = {odd};
  const Policy policy = world.policy("[filesystem]\ndeny = ['${workspace}/.env']\n");
  REQUIRE(policy.covers.size() == 1);
  CHECK(matches(policy.covers[0].path, odd + "/.env"));
  CHECK_FALSE(matches(policy.covers[0].path, world.path + "/ab/.env"));
  CHECK(find_matches(policy.covers[0].path) == std::vector<std::string>{odd + "/.env"});
}

TEST_CASE("of several workspaces each gets the rules that speak of the workspace") {
  World world;
  fs::create_directory(world.path + "/v");
  world.host.workspaces.push_back(world.path + "/v");
  const Policy policy = world.policy("[filesystem]\nhide = ['${workspace}/x']\n");
  REQUIRE(policy.covers.size() == 2);
  CHECK(policy.covers[1].path == world.path + "/v/x");
  world.host.workspaces.clear();
  CHECK(world.resolve("").error().code == ErrorCode::kWorkspaceUnusable);
}

TEST_CASE("the home is not shown as a whole, whatever it is called and whoever matches it") {
  const World world;
  world.check_refused("[filesystem]\nread = ['@/home']\n", "holds the home directory");
  world.check_refused("[filesystem]\nread = ['@/h*']\n", "holds the home directory");
  world.check_refused("[filesystem]\nread = ['@']\n", "holds the home directory");
  world.check_refused("[filesystem]\nread = ['/hom[e]']\n", "keys, histories and settings");
  world.check_refused("[filesystem]\nread = ['/pro?']\n", "is the sandbox's own");
  world.check_refused("[filesystem]\nread = ['/*']\n", "");
  world.check_refused("[filesystem]\nbind = [{ source = '@/home', destination = '/srv/h' }]\n",
                      "holds the home directory");
  // What is named below it is meant.
  CHECK(mount_at(world.policy("[filesystem]\nread = ['@/home/.ssh']\n"),
                 world.path + "/home/.ssh") != nullptr);
  // A link is shown as a link and leads nowhere; what is below one is somewhere else.
  fs::create_symlink("home", world.path + "/link");
  const Policy policy = world.policy("[filesystem]\nread = ['@/link']\n");
  CHECK(mount_at(policy, world.path + "/link") == nullptr);
  CHECK(policy.links.size() == 1);
  fs::create_symlink(world.path, world.path + "/data/up");
  world.check_refused("[filesystem]\nread = ['@/data/up/home']\n", "holds the home directory");
}

TEST_CASE("nothing is writable that may be no workspace, by no way") {
  const World world;
  world.check_refused("[filesystem]\nwrite = ['@/home']\n", "a sandbox must never write there");
  world.check_refused("[filesystem]\nwrite = ['@/home/.ssh']\n",
                      "a sandbox must never write there");
  world.check_refused("[filesystem]\nwrite = ['/us?']\n", "never write there");
  world.check_refused("[filesystem]\nwrite = ['@/h*']\n", "never write there");
  fs::create_symlink(world.path + "/home", world.path + "/link");
  world.check_refused("[filesystem]\nwrite = ['@/link']\n", "symbolic link");
  const Policy policy = world.policy("[filesystem]\nwrite = ['@/data', '@/absent']\n");
  CHECK(mount_at(policy, world.path + "/data")->access == Access::kWrite);
  CHECK(mount_at(policy, world.path + "/absent") == nullptr);
}

TEST_CASE("a bind shows no part of a workspace at another place where it could be written") {
  const World world;
  fs::create_directories(world.path + "/w/.git/hooks");
  for (const char* source : {"@/w", "${workspace}/.git", "${workspace}/.git/hooks"}) {
    world.check_refused("[filesystem]\nbind = [{ source = '" + std::string(source) +
                            "', destination = '/srv/x', write = true }]\n",
                        "its protected paths could be written at the other place");
  }
  CHECK(mount_at(world.policy("[filesystem]\nbind = [{ source = '${workspace}/.git', destination = "
                              "'/srv/x' }]\n"),
                 "/srv/x")
            ->access == Access::kRead);
}

TEST_CASE("the environment is what is passed, set and needed, and set wins") {
  const World world;
  const Policy policy = world.policy(
      "[environment]\npass = ['AWS_*']\n"
      "set = { ROOT = '${workspace}/a:${home}', TERM = 'xterm', X = '${nothing}' }\n"
      "settable = ['CI']\n[identity]\nuser = 'agent'\nhostname = 'box'\n");
  CHECK(variable(policy, "AWS_KEY") == "k");
  CHECK(variable(policy, "AWSOME").empty());
  CHECK(variable(policy, "ROOT") == world.path + "/w/a:" + policy.identity.home);
  CHECK(variable(policy, "TERM") == "xterm");
  CHECK(variable(policy, "X") == "${nothing}");
  CHECK(variable(policy, "USER") == "agent");
  CHECK(policy.identity.hostname == "box");
  CHECK(policy.settable_variables == std::vector<std::string>{"CI"});
  CHECK(std::is_sorted(policy.environment.begin(), policy.environment.end()));
}

TEST_CASE("limits, requirements and rules come through with their places") {
  const World world;
  const Policy policy = world.policy(
      "[limits]\nprocesses = 7\nmemory = '64M'\nwatched = ['cpu']\n[host]\ntier = 'landlock'\n"
      "requires = ['landlock', 'cgroup', 'cgroup']\n[syscalls]\nallow = ['read']\n"
      "[network]\nmode = 'proxy'\nallow = ['example.org:443']\n[observe]\nlevel = 'all'\n");
  CHECK(policy.limits.processes == 7);
  CHECK(policy.limits.memory_bytes == 64ULL << 20);
  CHECK(policy.accepts_watched == Watched{false, true});
  CHECK(policy.weakest_tier == Tier::kLandlock);
  CHECK(policy.requirements ==
        std::vector<Requirement>{Requirement::kCgroup, Requirement::kLandlock});
  REQUIRE(policy.syscalls.allow.size() == 1);
  CHECK(policy.syscalls.allow[0].rule == "a: syscalls.allow");
  CHECK(to_string(policy.syscalls.allow[0].at) == "a.toml:9:10");
  CHECK(policy.network.allow.size() == 1);
  CHECK(policy.observe.level == ObserveLevel::kAll);
}

TEST_CASE("every shipped profile resolves, on every host the same way twice") {
  const World world;
  for (const std::string& name : shipped_profiles()) {
    INFO(name);
    const Profile profile = find_profile(name).value();
    const Policy policy = resolve(profile, world.host).value();
    CHECK(digest(policy) == digest(resolve(profile, world.host).value()));
    CHECK(mount_at(policy, "/usr") != nullptr);
    CHECK(policy.covers.empty());
  }
}

}  // namespace mayfly::sandbox
