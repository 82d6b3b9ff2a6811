#include "sandbox/policy.h"
#include "sandbox/shipped_profiles.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

struct TemporaryDirectory {
  TemporaryDirectory() {
    std::string name = "/tmp/mayfly-policy-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

Host host_with(const std::string& workspace) {
  Host host;
  host.user = host_user(::getuid());
  host.workspaces = {workspace};
  host.environment = {{"PATH", "/usr/bin:/bin"}, {"SECRET_TOKEN", "hunter2"}};
  return host;
}

}  // namespace

TEST_CASE("the shipped profiles are found by name, and a wrong name gets the nearest one") {
  for (const std::string& name : shipped_profiles()) CHECK(find_profile(name)->name == name);
  const auto missing = find_profile("defualt");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == ErrorCode::kUnknownProfile);
  CHECK(missing.error().field == "profile");
  CHECK_THAT(missing.error().remedy, test::contains("default"));
}

TEST_CASE("a sandbox is never host uid 0") {
  const TemporaryDirectory workspace;
  const Policy policy = resolve(*find_profile("default"), host_with(workspace.path)).value();
  CHECK(policy.identity.host_uid != 0);
  CHECK(policy.identity.host_gid != 0);
  CHECK(policy.identity.inside_uid != 0);
}

TEST_CASE("nothing of the server's environment comes in unless it is named") {
  const TemporaryDirectory workspace;
  const Policy policy = resolve(*find_profile("default"), host_with(workspace.path)).value();
  CHECK_THAT(to_text(policy), !test::contains("hunter2"));
}

TEST_CASE("the same policy has the same digest and another one another") {
  const TemporaryDirectory workspace;
  const Host host = host_with(workspace.path);
  const Policy policy = resolve(*find_profile("default"), host).value();
  CHECK(resolve(*find_profile("default"), host).value() == policy);
  Policy narrower = policy;
  narrower.limits.processes = 7;
  CHECK(digest(narrower) != digest(policy));
}

TEST_CASE("a workspace that is missing is named with its remedy") {
  const auto policy = resolve(*find_profile("default"), host_with("/nowhere/at/all"));
  REQUIRE_FALSE(policy.has_value());
  CHECK(policy.error().code == ErrorCode::kWorkspaceUnusable);
  CHECK(policy.error().field == "workspace");
  CHECK_FALSE(policy.error().remedy.empty());
}

TEST_CASE("the readonly profile differs from default in the workspace and the cache alone") {
  Profile readonly = *find_profile("readonly");
  const Profile standard = *find_profile("default");
  readonly.name = standard.name;
  readonly.description = standard.description;
  readonly.extends = standard.extends;
  readonly.layers = standard.layers;
  readonly.workspace = standard.workspace;
  readonly.cache = standard.cache;
  CHECK(readonly == standard);
}

TEST_CASE("root serves a workspace as its owner") {
  if (::getuid() != 0) {
    SUCCEED("not root: an ordinary user serves as itself");
    return;
  }
  const TemporaryDirectory workspace;
  REQUIRE(::chown(workspace.path.c_str(), 21000, 21000) == 0);
  const Policy policy = resolve(*find_profile("default"), host_with(workspace.path)).value();
  CHECK(policy.identity.host_uid == 21000);
  const auto mount = std::find_if(policy.mounts.begin(), policy.mounts.end(),
                                  [&](const MountRule& m) { return m.source == workspace.path; });
  REQUIRE(mount != policy.mounts.end());
  CHECK(mount->ownership == Ownership::kAsOnHost);
}

}  // namespace mayfly::sandbox
