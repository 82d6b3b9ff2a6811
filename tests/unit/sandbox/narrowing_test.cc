#include "sandbox/narrowing.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>

#include "catch_shim.h"
#include "sandbox/path_access.h"
#include "sandbox/shipped_profiles.h"

namespace mayfly::sandbox {
namespace {

constexpr unsigned kSeed = 20260402;

using Random = std::mt19937;
using Change = std::function<void(Policy&)>;

HostRule host(const std::string& text) { return parse_host_rule(text).value(); }

SyscallRule group(const std::string& name) {
  SyscallRule rule;
  rule.text = "@" + name;
  rule.group = name;
  return rule;
}

SyscallRule call(const std::string& name, std::vector<ArgumentCondition> when = {}) {
  SyscallRule rule;
  rule.text = name + (when.empty() ? "" : "(" + std::to_string(when.size()) + ")");
  rule.call = name;
  rule.when = std::move(when);
  return rule;
}

constexpr ArgumentCondition kFirst{0, ArgumentCondition::Compare::kEqual, 1};
constexpr ArgumentCondition kSecond{1, ArgumentCondition::Compare::kNoBits, 2};

MountRule mount(const std::string& path, Access access, const std::string& source = "") {
  return {source.empty() ? path : source, path, access, Ownership::kAsOnHost, "p: rule"};
}

// Something in every field, so that each can be taken away.
Policy rich() {
  Policy p;
  p.profile = "p";
  p.identity = {1000, 1000, 1000, 1000, "u", "/h", "mayfly"};
  p.workspaces = {{"/w", 1, 1, 1, 1}, {"/w2", 1, 2, 1, 1}};
  p.mounts = {mount("/a", Access::kRead), mount("/a/b", Access::kWrite),
              mount("/s", Access::kRead, "/elsewhere"), mount("/w", Access::kWrite),
              mount("/w2", Access::kRead)};
  p.cache = CachePolicy{"/cache", "/w"};
  p.covers = {{"/a/secret", CoverKind::kDeny, "p: deny"},
              {"/a/dull", CoverKind::kHide, "p: hide"},
              {"/w/**/.env", CoverKind::kHide, "p: hide"}};
  p.tmpfs = {{"/t", 3ULL << 30, "p: tmpfs"}};
  p.links = {{"/bin", "a/bin"}};
  p.files = {{"/etc/passwd", "u"}};
  p.protected_directories = {".git/hooks"};
  p.protect = {"ci"};
  p.unprotect = {".vscode"};
  p.environment = {{"A", "1"}, {"PATH", "/x:/y:/z"}};
  p.settable_variables = {"B*"};
  p.network.mode = NetworkMode::kProxy;
  p.network.allow = {host("*.b:443"), host("10.0.0.0/8")};
  p.network.deny = {host("x.b")};
  p.network.hosts = {{"db", "10.0.0.7"}};
  p.network.publish = {3000, 8080};
  p.syscalls.allow = {group("sockets"), call("openat")};
  p.syscalls.deny = {call("clone", {kFirst})};
  p.syscalls.danger_allow = {call("mount")};
  p.capabilities = {"CAP_KILL"};
  p.limits.cpu = milliseconds(1000);
  p.limits.cpu_percent = 100;
  p.limits.memory_bytes = 1U << 30;
  p.limits.io_bytes_per_second = 1U << 20;
  p.accepts_watched = {true, true};
  p.weakest_tier = Tier::kLandlock;
  p.observe.level = ObserveLevel::kWrites;
  p.observe.ignore = {{"syscall", "m*", ""}};
  return p;
}

MountRule& mount_at(Policy& p, const std::string& path) {
  return *std::find_if(p.mounts.begin(), p.mounts.end(),
                       [&](const MountRule& rule) { return rule.destination == path; });
}

void unmount(Policy& p, const std::string& path) {
  std::erase_if(p.mounts, [&](const MountRule& rule) { return rule.destination == path; });
}

// What makes a policy narrower, and the one widening that going back is.
struct Tightening {
  const char* what;
  Change change;
};

std::vector<Tightening> tightenings() {
  return {
      {"filesystem.read /a", [](Policy& p) { unmount(p, "/a"); }},
      {"filesystem.write /a/b", [](Policy& p) { mount_at(p, "/a/b").access = Access::kRead; }},
      {"filesystem.write /a/b",
       [](Policy& p) {
         p.tmpfs.push_back({"/a/b", 1, "p: t"});
       }},
      {"filesystem.read /s", [](Policy& p) { unmount(p, "/s"); }},
      {"filesystem.deny /a/b",
       [](Policy& p) {
         p.covers.push_back({"/a/b", CoverKind::kDeny, ""});
       }},
      {"filesystem.hide /a/x",
       [](Policy& p) {
         p.covers.push_back({"/a/x", CoverKind::kHide, ""});
       }},
      {"filesystem.deny /w/*.pem",
       [](Policy& p) {
         p.covers.push_back({"/w/*.pem", CoverKind::kDeny, ""});
       }},
      {"filesystem.workspace", [](Policy& p) { p.workspace_access = WorkspaceAccess::kReadOnly; }},
      {"workspace /w2", [](Policy& p) { p.workspaces.pop_back(); }},
      {"filesystem.cache", [](Policy& p) { p.cache.reset(); }},
      {"filesystem.tmpfs /t", [](Policy& p) { p.tmpfs[0].bytes = 1; }},
      {"filesystem.tmpfs /t", [](Policy& p) { p.tmpfs.clear(); }},
      {"link /bin", [](Policy& p) { p.links.clear(); }},
      {"file /etc/passwd", [](Policy& p) { p.files.clear(); }},
      {"filesystem.protect .husky", [](Policy& p) { p.protected_directories.push_back(".husky"); }},
      {"filesystem.protect x", [](Policy& p) { p.protect.push_back("x"); }},
      {"filesystem.danger_unprotect .vscode", [](Policy& p) { p.unprotect.clear(); }},
      {"environment A", [](Policy& p) { p.environment.erase(p.environment.begin()); }},
      {"environment PATH", [](Policy& p) { p.environment.back().second = "/z:/x"; }},
      {"environment.settable B*",
       [](Policy& p) {
         p.settable_variables = {"BC", "BD*"};
       }},
      {"network.mode", [](Policy& p) { p.network.mode = NetworkMode::kNone; }},
      {"network.allow *.b:443", [](Policy& p) { p.network.allow[0] = host("a.b:443"); }},
      {"network.allow 10.0.0.0/8", [](Policy& p) { p.network.allow.pop_back(); }},
      {"network.deny y.b", [](Policy& p) { p.network.deny.push_back(host("y.b")); }},
      {"network.deny *.b", [](Policy& p) { p.network.deny.push_back(host("*.b")); }},
      {"network.hosts db", [](Policy& p) { p.network.hosts.clear(); }},
      {"network.publish 8080", [](Policy& p) { p.network.publish.pop_back(); }},
      {"syscalls.allow openat", [](Policy& p) { p.syscalls.allow[1] = call("openat", {kFirst}); }},
      {"syscalls.allow openat", [](Policy& p) { p.syscalls.allow.pop_back(); }},
      {"syscalls.allow @sockets", [](Policy& p) { p.syscalls.allow[0] = call("socket"); }},
      {"syscalls.deny clone", [](Policy& p) { p.syscalls.deny.push_back(call("clone")); }},
      {"syscalls.deny clone", [](Policy& p) { p.syscalls.deny[0] = call("clone"); }},
      {"syscalls.deny @sockets", [](Policy& p) { p.syscalls.deny.push_back(group("sockets")); }},
      {"syscalls.danger_allow mount", [](Policy& p) { p.syscalls.danger_allow.clear(); }},
      {"capabilities.danger_keep CAP_KILL", [](Policy& p) { p.capabilities.clear(); }},
      {"limits.wall", [](Policy& p) { p.limits.wall -= milliseconds(1); }},
      {"limits.job_wall", [](Policy& p) { p.limits.job_wall -= milliseconds(1); }},
      {"limits.cpu", [](Policy& p) { p.limits.cpu -= milliseconds(1); }},
      {"limits.cpu_share", [](Policy& p) { --p.limits.cpu_percent; }},
      {"limits.memory", [](Policy& p) { --p.limits.memory_bytes; }},
      {"limits.processes", [](Policy& p) { --p.limits.processes; }},
      {"limits.open_files", [](Policy& p) { --p.limits.open_files; }},
      {"limits.file", [](Policy& p) { --p.limits.file_bytes; }},
      {"limits.disk", [](Policy& p) { --p.limits.disk_bytes; }},
      {"limits.io", [](Policy& p) { --p.limits.io_bytes_per_second; }},
      {"limits.tmp", [](Policy& p) { --p.limits.tmp_bytes; }},
      {"limits.shm", [](Policy& p) { --p.limits.shm_bytes; }},
      {"limits.output", [](Policy& p) { --p.limits.output_bytes; }},
      {"limits.watched memory", [](Policy& p) { p.accepts_watched.memory = false; }},
      {"limits.watched cpu", [](Policy& p) { p.accepts_watched.cpu_time = false; }},
      {"host.tier", [](Policy& p) { p.weakest_tier = Tier::kFull; }},
      {"host.requires cgroup", [](Policy& p) { p.requirements = {Requirement::kCgroup}; }},
      {"observe.level", [](Policy& p) { p.observe.level = ObserveLevel::kAll; }},
      {"observe.ignore syscall m*",
       [](Policy& p) {
         p.observe.ignore = {{"syscall", "mount", ""}};
       }},
  };
}

std::string told(const std::vector<Widening>& found) {
  std::string out;
  for (const Widening& each : found) out += each.what + ": " + each.message + "\n";
  return out;
}

template <typename T>
const T& one_of(Random& random, const std::vector<T>& list) {
  return list[random() % list.size()];
}

// Rules about few paths, so that they meet.
const std::vector<std::string> kPaths = {"/a",   "/a/b",   "/a/b/c", "/a/c", "/w",
                                         "/w/s", "/w/s/x", "/w/g",   "/c",   "/c/b"};

Policy with_paths(Random& random) {
  Policy p;
  p.identity.home = "/h";
  p.workspaces = {{"/w", 1, 1, 1, 1}};
  for (std::size_t n = random() % 5; n > 0; --n) {
    const std::string path = one_of(random, kPaths);
    unmount(p, path);
    const std::string source = random() % 4 == 0 ? one_of(random, kPaths) : path;
    p.mounts.push_back(mount(path, random() % 2 == 0 ? Access::kRead : Access::kWrite, source));
  }
  for (std::size_t n = random() % 3; n > 0; --n) {
    const CoverKind kind = random() % 2 == 0 ? CoverKind::kHide : CoverKind::kDeny;
    p.covers.push_back({one_of(random, kPaths), kind, "p: cover"});
  }
  if (random() % 3 == 0) p.tmpfs.push_back({one_of(random, kPaths), 1, "p: tmpfs"});
  p.protected_directories = {"g"};
  return p;
}

// What is found at a path, by walking there from the root and applying what is met on the way.
struct Found {
  char access = '-';
  std::string source;
};

Found walk(const Policy& p, const std::string& path) {
  Found now;
  std::string at;
  while (at.size() < path.size()) {
    const std::size_t end = std::min(path.find('/', at.size() + 1), path.size());
    if (!now.source.empty()) now.source += path.substr(at.size(), end - at.size());
    at = path.substr(0, end);
    for (const MountRule& rule : p.mounts) {
      if (rule.destination != at) continue;
      now = {rule.access == Access::kWrite ? 'w' : 'r', rule.source};
    }
    for (const TmpfsRule& rule : p.tmpfs) {
      if (rule.destination == at) now = {};
    }
    for (const CoverRule& rule : p.covers) {
      if (rule.path == at && rule.kind == CoverKind::kHide) now = {};
    }
    for (const CoverRule& rule : p.covers) {
      if (rule.path == at && rule.kind == CoverKind::kDeny) return {};
    }
  }
  for (const char* guarded : {"/w/g"}) {
    const std::string& s = now.source;
    if (s == guarded || s.starts_with(std::string(guarded) + "/")) now.access = 'r';
  }
  return now;
}

bool gives_more(const Found& in, const Found& out) {
  if (in.source.empty()) return false;
  return in.source != out.source || (in.access == 'w' && out.access == 'r');
}

// Each of the paths, and something in and beside it.
std::vector<std::string> asked() {
  std::vector<std::string> out;
  for (const std::string& path : kPaths) {
    for (const char* more : {"", "/b", "/g", "/s", "/z", "/z/z"}) out.push_back(path + more);
  }
  return out;
}

}  // namespace

TEST_CASE("a policy is as narrow as itself") {
  CHECK(told(widenings(rich(), rich())).empty());
  INFO("seed " << kSeed);
  Random random(kSeed);
  for (int i = 0; i < 200; ++i) {
    const Policy policy = with_paths(random);
    const auto found = widenings(policy, policy);
    if (!found.empty()) FAIL(to_text(policy) + told(found));
  }
}

TEST_CASE("to tighten one thing widens nothing, and to loosen it is one widening that names it") {
  for (const Tightening& each : tightenings()) {
    Policy tight = rich();
    each.change(tight);
    INFO(each.what);
    CHECK(told(widenings(tight, rich())).empty());
    const auto found = widenings(rich(), tight);
    INFO(told(found));
    REQUIRE(found.size() == 1);
    CHECK(found[0].what == each.what);
    CHECK_FALSE(found[0].message.empty());
  }
}

TEST_CASE("what has no order is another's widening both ways") {
  for (const Change& change : std::vector<Change>{
           [](Policy& p) { p.identity.host_uid = 7; }, [](Policy& p) { p.identity.host_gid = 7; },
           [](Policy& p) { p.identity.inside_uid = 7; },
           [](Policy& p) { p.identity.inside_gid = 7; }, [](Policy& p) { p.identity.user = "v"; },
           [](Policy& p) { p.identity.home = "/k"; }, [](Policy& p) { p.identity.hostname = "x"; },
           [](Policy& p) { mount_at(p, "/s").source = "/other"; },
           [](Policy& p) { mount_at(p, "/s").ownership = Ownership::kMapped; },
           [](Policy& p) { p.workspaces[0].inode = 9; },
           [](Policy& p) { p.cache->root = "/other"; },
           [](Policy& p) { p.links[0].second = "w/bin"; },
           [](Policy& p) { p.files[0].content = "v"; },
           [](Policy& p) { p.environment[0].second = "2"; },
           [](Policy& p) { p.environment[1].second = "/x:/q"; },
           [](Policy& p) { p.network.hosts[0].address = "10.0.0.8"; },
           [](Policy& p) { p.syscalls.allow[1] = call("mkdir"); }}) {
    Policy other = rich();
    change(other);
    CHECK_FALSE(widenings(other, rich()).empty());
    CHECK_FALSE(widenings(rich(), other).empty());
  }
}

TEST_CASE("no limit is more than any limit") {
  for (const Change& change : std::vector<Change>{
           [](Policy& p) { p.limits.cpu = milliseconds(0); },
           [](Policy& p) { p.limits.cpu_percent = 0; },
           [](Policy& p) { p.limits.memory_bytes = 0; }, [](Policy& p) { p.limits.disk_bytes = 0; },
           [](Policy& p) { p.limits.io_bytes_per_second = 0; },
           [](Policy& p) { p.limits.tmp_bytes = 0; }, [](Policy& p) { p.limits.shm_bytes = 0; }}) {
    Policy none = rich();
    change(none);
    const auto found = widenings(none, rich());
    INFO(told(found));
    CHECK(found.size() == 1);
    CHECK(told(widenings(rich(), none)).empty());
  }
}

TEST_CASE("memory of the call may stand for nothing, but not for any amount") {
  Policy outer = rich();
  Policy inner = rich();
  inner.tmpfs.push_back({"/a/new", outer.limits.tmp_bytes, "p: t"});
  CHECK(told(widenings(inner, outer)).empty());
  inner.tmpfs.back().bytes += 1;
  CHECK(widenings(inner, outer).size() == 1);
  inner.tmpfs.back().bytes = 0;
  CHECK(widenings(inner, outer).size() == 1);
  inner.tmpfs.clear();
  for (int i = 0; i < 17; ++i) inner.tmpfs.push_back({"/t" + std::to_string(i), 1, "p: t"});
  CHECK(widenings(inner, outer).size() == 1);
}

TEST_CASE("a way around what is denied is found") {
  Policy outer = rich();
  const auto what = [&outer](const Change& change) {
    Policy inner = outer;
    change(inner);
    const auto found = widenings(inner, outer);
    INFO(told(found));
    REQUIRE(found.size() == 1);
    return found[0].what;
  };
  CHECK(what([](Policy& p) { p.covers.erase(p.covers.begin()); }) == "filesystem.deny /a/secret");
  CHECK(what([](Policy& p) { p.mounts.push_back(mount("/x", Access::kRead, "/a/secret")); }) ==
        "filesystem.read /x");
  CHECK(what([](Policy& p) { p.mounts.push_back(mount("/a/dull/x", Access::kRead)); }) ==
        "filesystem.read /a/dull/x");
  CHECK(what([](Policy& p) { p.mounts.push_back(mount("/z", Access::kWrite, "/w/.git")); }) ==
        "filesystem.write /z");
  CHECK(what([](Policy& p) { p.protected_directories.clear(); }) ==
        "filesystem.protect .git/hooks");
  CHECK(what([](Policy& p) { p.covers[2].path = "/w/*/.env"; }) == "filesystem.hide /w/**/.env");
  CHECK(what([](Policy& p) { p.links.emplace_back("/x", "/w"); }) == "link /x");
  outer.covers.push_back({"/bin/su", CoverKind::kDeny, "p: deny"});
  CHECK(what([](Policy& p) { p.covers.pop_back(); }) == "filesystem.deny /bin/su");
  // A denial of more is as good as the pattern.
  Policy inner = outer;
  inner.covers[2] = {"/w", CoverKind::kDeny, "p: deny"};
  CHECK(told(widenings(inner, outer)).empty());
}

TEST_CASE("paths: what is found agrees with a walk from the root") {
  INFO("seed " << kSeed);
  Random random(kSeed);
  int narrower = 0;
  int wider = 0;
  for (int i = 0; i < 1'000; ++i) {
    const Policy outer = with_paths(random);
    Policy inner = with_paths(random);
    if (i % 2 == 0) {
      // Near each other, so that some are narrower.
      inner = outer;
      const Policy other = with_paths(random);
      if (random() % 2 == 0) inner.covers = other.covers;
      if (random() % 2 == 0) inner.tmpfs = other.tmpfs;
      if (random() % 3 == 0 && !inner.mounts.empty()) inner.mounts.pop_back();
      if (random() % 3 == 0 && !inner.mounts.empty()) inner.mounts[0].access = Access::kRead;
    }
    const PathView view(inner);
    bool more = false;
    std::string wrong;
    for (const std::string& path : asked()) {
      const Found in = walk(inner, path);
      more = more || gives_more(in, walk(outer, path));
      const PathAnswer answer = view.look_up(path);
      const bool writable = answer.access == Effective::kWrite;
      const bool same =
          answer.source == in.source && (in.source.empty() || writable == (in.access == 'w'));
      if (!same) wrong += path + " ";
    }
    const auto found = widenings(inner, outer);
    if (!wrong.empty() || found.empty() == more) {
      FAIL("inner\n" + to_text(inner) + "outer\n" + to_text(outer) + told(found) + wrong);
    }
    ++(more ? wider : narrower);
  }
  CHECK(narrower > 125);
  CHECK(wider > 125);
}

TEST_CASE("narrower than narrower is narrower") {
  INFO("seed " << kSeed);
  Random random(kSeed);
  const std::vector<Tightening> all = tightenings();
  int chains = 0;
  for (int i = 0; i < 800; ++i) {
    std::vector<Policy> three(3);
    for (Policy& each : three) {
      each = i % 2 == 0 ? with_paths(random) : rich();
      for (std::size_t n = i % 2 == 0 ? 0 : random() % 2; n > 0; --n) {
        one_of(random, all).change(each);
      }
    }
    // Each is the one before with something taken away, or with something exchanged.
    if (i % 4 == 0) three[1] = three[2];
    if (i % 4 == 0 && !three[1].mounts.empty()) three[1].mounts.pop_back();
    if (i % 4 == 0) three[0] = three[1];
    if (i % 4 == 0) three[0].covers.push_back({one_of(random, kPaths), CoverKind::kDeny, ""});
    if (i % 4 == 1) three[1] = three[2];
    if (i % 4 == 1) one_of(random, all).change(three[0] = three[1]);
    if (!widenings(three[0], three[1]).empty() || !widenings(three[1], three[2]).empty()) continue;
    ++chains;
    const auto found = widenings(three[0], three[2]);
    if (found.empty()) continue;
    FAIL(to_text(three[0]) + "\n" + to_text(three[1]) + "\n" + to_text(three[2]) + told(found));
  }
  CHECK(chains > 150);
}

TEST_CASE("of the profiles that ship readonly and strict are narrower than default, build is not") {
  std::string workspace = "/tmp/mayfly-narrowing-XXXXXX";
  REQUIRE(::mkdtemp(workspace.data()) != nullptr);
  Host on;
  on.user = host_user(::getuid());
  on.workspaces = {workspace};
  on.environment = {{"PATH", "/usr/bin:/bin"}};
  const auto policy = [&on](const char* name) {
    return resolve(find_profile(name).value(), on).value();
  };
  const Policy standard = policy("default");
  CHECK(told(widenings(policy("readonly"), standard)) == "");
  CHECK(told(widenings(policy("strict"), policy("readonly"))) == "");
  CHECK(told(widenings(policy("strict"), standard)) == "");
  const std::string build = told(widenings(policy("build"), standard));
  CHECK_THAT(build, test::contains("network.mode: is proxy, more than none"));
  CHECK_THAT(build, test::contains("limits.processes: is 4096, more than 1024"));
  CHECK_THAT(told(widenings(standard, policy("readonly"))), test::contains("filesystem.workspace"));
  std::filesystem::remove_all(workspace);
}

}  // namespace mayfly::sandbox
