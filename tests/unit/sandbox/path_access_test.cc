#include "sandbox/path_access.h"

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

Policy usual() {
  Policy policy;
  policy.profile = "p";
  policy.identity.home = "/home/u";
  policy.workspaces = {{"/w", 1, 2, 3, 4}};
  policy.mounts = {{"/usr", "/usr", Access::kRead, Ownership::kAsOnHost, "p: filesystem.read"},
                   {"/w", "/w", Access::kWrite, Ownership::kAsOnHost, "p: workspace"}};
  policy.links = {{"/bin", "usr/bin"}};
  policy.files = {{"/etc/passwd", "x"}};
  policy.protected_directories = {".git/hooks"};
  return policy;
}

std::string said(const Policy& policy, const std::string& path) {
  const PathAnswer answer = look_up(policy, path);
  constexpr const char* kWords[] = {"absent", "hidden", "denied", "read", "write", "private"};
  const std::string out = kWords[static_cast<int>(answer.access)];
  return answer.source.empty() ? out : out + " " + answer.source;
}

}  // namespace

TEST_CASE("of nested rules about paths the most specific holds") {
  Policy policy = usual();
  policy.mounts.push_back({"/data", "/w/data", Access::kRead, Ownership::kAsOnHost, "p: bind"});
  policy.tmpfs = {{"/w/data/t", 1, "p: filesystem.tmpfs"}};
  CHECK(said(policy, "/usr/lib/x") == "read /usr/lib/x");
  CHECK(said(policy, "/w/a") == "write /w/a");
  CHECK(said(policy, "/w/data/a/../b") == "read /data/b");
  CHECK(said(policy, "/w/data/t/x") == "private");
  CHECK(said(policy, "/w/datax") == "write /w/datax");
  CHECK(look_up(policy, "/w/data/b").rule == "p: bind");
  CHECK(said(policy, "/opt/x") == "absent");
}

TEST_CASE("every sandbox has private places, and directories on the way are bare") {
  const Policy policy = usual();
  for (const char* path :
       {"/tmp/x", "/home/u", "/home/u/.ssh", "/dev/shm/x", "/scratch", "/var/tmp/x"}) {
    INFO(path);
    CHECK(said(policy, path) == "private");
  }
  CHECK(said(policy, "/home") == "read");
  CHECK(said(policy, "/home/other") == "absent");
  CHECK(said(policy, "/") == "read");
  CHECK(said(policy, "/etc/passwd") == "read");
  CHECK(said(policy, "/etc/shadow") == "absent");
  CHECK(said(policy, "/proc/self/status") == "read");
  CHECK(said(policy, "/dev/null") == "write /dev/null");
  CHECK(said(policy, "/dev/sda") == "absent");
}

TEST_CASE("a denial wins over what is below, hiding does not") {
  Policy policy = usual();
  policy.mounts.push_back({"/w/in", "/w/in", Access::kRead, Ownership::kAsOnHost, "p: in"});
  policy.covers = {{"/w", CoverKind::kHide, "p: hide"}};
  CHECK(said(policy, "/w/a") == "hidden");
  CHECK(said(policy, "/w/in/a") == "read /w/in/a");
  policy.covers.push_back({"/w", CoverKind::kDeny, "p: deny"});
  CHECK(said(policy, "/w/in/a") == "denied");
  CHECK(look_up(policy, "/w/in/a").rule == "p: deny");
}

TEST_CASE("what matches a pattern is covered with everything below") {
  Policy policy = usual();
  policy.mounts.push_back({"/d", "/w/s/.env/d", Access::kRead, Ownership::kAsOnHost, "p: d"});
  policy.covers = {{"/w/**/.env", CoverKind::kHide, "p: hide"}};
  CHECK(said(policy, "/w/.env") == "hidden");
  CHECK(said(policy, "/w/s/.env/d/x") == "hidden");
  CHECK(said(policy, "/w/s/.envrc") == "write /w/s/.envrc");
}

TEST_CASE("a protected directory is read-only wherever it is shown") {
  Policy policy = usual();
  policy.mounts.push_back({"/w/.git", "/alias", Access::kWrite, Ownership::kAsOnHost, "p: bind"});
  CHECK(said(policy, "/w/.git/hooks/pre-commit") == "read /w/.git/hooks/pre-commit");
  CHECK(said(policy, "/alias/hooks") == "read /w/.git/hooks");
  CHECK(said(policy, "/alias/config") == "write /w/.git/config");
}

TEST_CASE("links are followed, also by covers, and a circle leads nowhere") {
  Policy policy = usual();
  policy.links.emplace_back("/x", "/y");
  policy.links.emplace_back("/y", "/x/x");
  policy.covers = {{"/bin/su", CoverKind::kDeny, "p: deny"}};
  CHECK(said(policy, "/bin/sh") == "read /usr/bin/sh");
  CHECK(said(policy, "/usr/bin/su") == "denied");
  CHECK(said(policy, "/x") == "absent");
  CHECK(said(policy, "/var/run") == "read");
}

TEST_CASE("what is mounted over a file or a link of the sandbox's is there instead") {
  Policy policy = usual();
  policy.mounts.push_back(
      {"/etc/passwd", "/etc/passwd", Access::kRead, Ownership::kAsOnHost, "p: r"});
  policy.mounts.push_back({"/bin", "/bin", Access::kRead, Ownership::kAsOnHost, "p: r"});
  CHECK(said(policy, "/etc/passwd") == "read /etc/passwd");
  CHECK(said(policy, "/bin/sh") == "read /bin/sh");
}

TEST_CASE("caches are in the home") {
  Policy policy = usual();
  policy.cache = CachePolicy{"/cache", "/w"};
  CHECK(said(policy, "/home/u/.npm/x").starts_with("write /cache"));
  CHECK(said(policy, "/home/u/.npmrc") == "private");
}

}  // namespace mayfly::sandbox
