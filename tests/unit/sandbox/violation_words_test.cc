#include "sandbox/violation_words.h"

#include <cerrno>
#include <map>

#include "catch_shim.h"
#include "sandbox/profile_edit.h"
#include "settings/document.h"

namespace mayfly::sandbox {
namespace {

using Kind = HostPlace::Kind;

settings::Location at(const char* file, settings::Trust trust, int line) {
  return {std::make_shared<settings::Source>(settings::Source{file, trust}), line, 1};
}

Policy usual() {
  Policy policy;
  policy.profile = "default";
  policy.profile_at = at("default (shipped)", settings::Trust::kShipped, 0);
  policy.identity.home = "/home/u";
  policy.workspaces = {{"/srv/w", 1, 2, 3, 4}};
  policy.mounts = {
      {"/srv/w", "/srv/w", Access::kWrite, Ownership::kAsOnHost, "default: workspace"},
      {"/usr", "/usr", Access::kRead, Ownership::kAsOnHost, "default: filesystem.read",
       at("default (shipped)", settings::Trust::kShipped, 14)},
      {"/opt/ro", "/opt/ro", Access::kRead, Ownership::kAsOnHost, "default: filesystem.read",
       at("/home/u/.config/mayfly/profiles/base.toml", settings::Trust::kOperator, 3)}};
  policy.protected_directories = {".git/hooks"};
  return policy;
}

const std::map<std::string, Kind> kHost = {
    {"/opt/sdk/include/x.h", Kind::kFile},
    {"/opt/sdk", Kind::kDirectory},
    {"/opt/ro", Kind::kDirectory},
    {"/opt/ro/cache", Kind::kDirectory},
    {"/opt/ro/cache/f", Kind::kFile},
    {"/opt", Kind::kDirectory},
    {"/mnt", Kind::kDirectory},
    {"/home/u/data/a.csv", Kind::kFile},
    {"/home/u/data", Kind::kDirectory},
    {"/home/u/a.csv", Kind::kFile},
    {"/etc/shadow", Kind::kFile},
    {"/etc/tool/x.conf", Kind::kFile},
    {"/opt/socket", Kind::kOther},
    {"/opt/*", Kind::kDirectory},
    {"/opt/a b'$(id)", Kind::kDirectory},
    {"/usr/lib", Kind::kDirectory},
    {"/tmp/host.log", Kind::kFile},
    {"/srv/out", Kind::kDirectory},
    {"/opt/sdk/key.pem", Kind::kFile},
    {"/opt/sdk/*", Kind::kFile},
    {"/srv/w/sub", Kind::kDirectory},
    {"/projects/main/sub/x.h", Kind::kFile},
    {"/projects/main", Kind::kDirectory},
    {"/projects", Kind::kDirectory},
    {"/projects/x.h", Kind::kFile},
    {"/alone.txt", Kind::kFile},
    {"/srv/w", Kind::kDirectory},
};

HostPlace look(const std::string& path) {
  if (path == "/opt/current/x.h") return {Kind::kFile, "/opt/sdk/include/x.h", {"/opt/current"}};
  const auto found = kHost.find(path);
  if (found == kHost.end()) return {Kind::kAbsent, "", {}};
  return {found->second, path, {}};
}

Finding finding(BrokenRule rule, const char* operation, const std::string& target,
                ViolationKind kind = ViolationKind::kFilesystem) {
  Finding out;
  out.kind = kind;
  out.rule = rule;
  out.operation = operation;
  out.target = target;
  out.error = EACCES;
  return out;
}

Violation said(const Policy& policy, const Finding& what) {
  return ViolationWords(policy, {1000, 1000, "u", "/home/u"}, look).describe(what);
}
Violation said(const Finding& what) { return said(usual(), what); }

struct Row {
  const char* operation;
  std::string target;
  BrokenRule rule;
  const char* by;
  std::string remedy;
};

}  // namespace

TEST_CASE("a denied path names the rule that decided and the smallest change that would do") {
  const std::string own = "default: not in the sandbox";
  const std::string usr = "default: filesystem.read, default (shipped):14:1";
  const std::string base =
      "default: filesystem.read, /home/u/.config/mayfly/profiles/base.toml:3:1";
  const std::string inside = "Work with what is in the workspace";
  const std::string write = "Write below the workspace or in $SCRATCH";
  const auto ask = [](const std::string& key, const std::string& path) {
    return ", or ask the operator for " + key + " = [\"" + path +
           "\"] in profile \"default\": mayfly profile allow default --" + key + " " + path;
  };
  const Row rows[] = {
      {"read", "/opt/sdk/include/x.h", BrokenRule::kHidden, own.c_str(),
       inside + ask("read", "/opt/sdk")},
      {"execute", "/opt/sdk/include/x.h", BrokenRule::kOutside, own.c_str(),
       inside + ask("read", "/opt/sdk")},
      {"read", "/projects/main/sub/x.h", BrokenRule::kHidden, own.c_str(),
       inside + ask("read", "/projects/main")},
      {"read", "/projects/x.h", BrokenRule::kHidden, own.c_str(),
       inside + ask("read", "/projects/x.h")},
      {"read", "/alone.txt", BrokenRule::kHidden, own.c_str(), inside + ask("read", "/alone.txt")},
      {"enter", "/projects/main", BrokenRule::kHidden, own.c_str(),
       inside + ask("read", "/projects/main")},
      {"enter", "/projects", BrokenRule::kHidden, own.c_str(),
       inside + ": /projects is too much: ask the operator for a directory below it"},
      {"create", "/projects/new", BrokenRule::kHidden, own.c_str(),
       write + ": /projects is too much: ask the operator for a directory below it"},
      {"enter", "/mnt", BrokenRule::kHidden, own.c_str(),
       inside + ": /mnt is too much: ask the operator for a directory below it"},
      {"read", "/opt/socket", BrokenRule::kHidden, own.c_str(),
       inside + ": no profile shows sockets, pipes and devices"},
      {"read", "/home/u/data/a.csv", BrokenRule::kHidden, own.c_str(),
       inside + ask("read", "/home/u/data")},
      {"read", "/home/u/a.csv", BrokenRule::kHidden, own.c_str(),
       inside + ask("read", "/home/u/a.csv")},
      {"read", "/etc/tool/x.conf", BrokenRule::kHidden, own.c_str(),
       inside + ask("read", "/etc/tool")},
      {"read", "/opt/sdk/key.pem", BrokenRule::kHidden, own.c_str(),
       inside + ": that is the user's alone, and no profile should give it"},
      {"create", "/srv/out/new", BrokenRule::kHidden, own.c_str(),
       write + ask("write", "/srv/out")},
      {"create", "/opt/new", BrokenRule::kHidden, own.c_str(),
       write + ": /opt is too much: ask the operator for a directory below it"},
      {"create", "/usr/lib/x", BrokenRule::kReadOnly, usr.c_str(),
       write + ": no profile lets a sandbox write there"},
      {"write", "/opt/ro/cache/f", BrokenRule::kReadOnly, base.c_str(),
       write + ask("write", "/opt/ro/cache")},
      {"remove", "/opt/ro/cache/f", BrokenRule::kReadOnly, base.c_str(),
       write + ask("write", "/opt/ro/cache")},
      {"create", "/nowhere", BrokenRule::kReadOnly, own.c_str(),
       write + ": no profile makes this place writable"},
      {"write", "/proc/sys/kernel/x", BrokenRule::kReadOnly, "default: the sandbox's own",
       write + ": no profile makes this place writable"},
      {"read", "/home/u/.ssh/id_rsa", BrokenRule::kHidden, own.c_str(),
       "Keys, passwords and sessions stay out of sandboxes: do without, or ask the user for the "
       "one thing that is needed"},
      {"read", "/tmp/host.log", BrokenRule::kHidden, own.c_str(),
       "Every call has a /tmp of its own, empty at its start: ask for what is needed to be put "
       "into "
       "the workspace"},
      {"create", "/srv/w/.git/hooks/pre-commit", BrokenRule::kProtected, "default: protected paths",
       "Programs of the host run what is there, so no sandbox writes it: ask the user to make this "
       "change outside of Mayfly; the operator can leave it to sandboxes with danger_unprotect = "
       "[\".git/hooks\"]"},
  };
  for (const Row& row : rows) {
    INFO(row.operation << " " << row.target);
    const Violation violation = said(finding(row.rule, row.operation, row.target));
    CHECK(violation.rule == row.by);
    CHECK(violation.remedy == row.remedy);
    CHECK_FALSE(violation.retryable);
    CHECK((violation.way == WayOut::kProfile) == (row.remedy.find("mayfly ") != std::string::npos));
  }
}

TEST_CASE("what a link leads to and the link are asked for together") {
  const Violation violation = said(finding(BrokenRule::kHidden, "read", "/opt/current/x.h"));
  CHECK(violation.remedy.ends_with(
      "mayfly profile allow default --read /opt/sdk --read /opt/current"));
}

TEST_CASE("what no sandbox shows is not asked for, a link in a home that is its own") {
  const Policy policy = usual();
  const ViolationWords words(policy, {1000, 1000, "u", "/home/u"}, [](const std::string&) {
    return HostPlace{Kind::kFile, "/home/u/data/a.csv", {"/home/u/link"}};
  });
  const Violation violation =
      words.describe(finding(BrokenRule::kHidden, "read", "/home/u/link/a.csv"));
  CHECK(violation.permissions.empty());
  CHECK(violation.remedy.ends_with("use its real path, /home/u/data/a.csv"));
}

TEST_CASE("a rule that somebody wrote is named and no command undoes it") {
  Policy policy = usual();
  policy.covers = {{"/srv/w/secret", CoverKind::kDeny, "default: filesystem.deny",
                    at("/etc/mayfly/profiles/default.toml", settings::Trust::kOperator, 7)},
                   {"/srv/w/hid", CoverKind::kHide, "default: filesystem.hide",
                    at("/srv/w/.mayfly/profile.toml", settings::Trust::kProject, 2)}};
  const Violation denied = said(policy, finding(BrokenRule::kDenied, "read", "/srv/w/secret/x"));
  CHECK(denied.rule == "default: filesystem.deny, /etc/mayfly/profiles/default.toml:7:1");
  CHECK(denied.remedy == "A rule denies it: do without, or ask the operator to change that rule");
  CHECK(denied.way == WayOut::kRule);
  const Violation hidden = said(policy, finding(BrokenRule::kHidden, "read", "/srv/w/hid/x"));
  CHECK(hidden.remedy ==
        "A rule hides it: do without, or ask the user to change that file of the project");
  CHECK(hidden.permissions.empty());
}

TEST_CASE("a read-only workspace is opened in part, or as a whole") {
  Policy policy = usual();
  policy.workspace_access = WorkspaceAccess::kReadOnly;
  policy.mounts.front().access = Access::kRead;
  policy.mounts.front().at = at("readonly (shipped)", settings::Trust::kShipped, 9);
  const Violation part = said(policy, finding(BrokenRule::kReadOnly, "create", "/srv/w/sub/f"));
  CHECK(part.rule == "default: workspace, readonly (shipped):9:1");
  CHECK(part.remedy.ends_with("mayfly profile allow default --write /srv/w/sub"));
  const Violation top = said(policy, finding(BrokenRule::kReadOnly, "create", "/srv/w/f"));
  CHECK(top.remedy.ends_with("mayfly profile allow default --write /srv/w"));
  policy.mounts.front().at = at("--read-only", settings::Trust::kOperator, 0);
  const Violation option = said(policy, finding(BrokenRule::kReadOnly, "create", "/srv/w/f"));
  CHECK(option.remedy == "Write in $SCRATCH, or ask the operator to start without that option");
}

TEST_CASE("a profile that is used by its file's path is changed by no command") {
  Policy policy = usual();
  policy.profile_at = at("/ci/default.toml", settings::Trust::kOperator, 0);
  const Violation violation =
      said(policy, finding(BrokenRule::kHidden, "read", "/opt/sdk/include/x.h"));
  CHECK(violation.remedy ==
        "Work with what is in the workspace, or ask the operator for read = [\"/opt/sdk\"] in "
        "profile \"default\" (/ci/default.toml)");
}

TEST_CASE("a path that a program made up gets into no command as anything else than itself") {
  const Violation odd = said(finding(BrokenRule::kHidden, "enter", "/opt/a b'$(id)"));
  CHECK(odd.remedy.ends_with("--read '/opt/a b'\\''$(id)'"));
  // Beside it are other files, which nobody asked for.
  const Violation pattern = said(finding(BrokenRule::kHidden, "read", "/opt/sdk/*"));
  CHECK(pattern.permissions.front().exact == "/opt/sdk");
  // As a value of a profile it would be a pattern for everything.
  CHECK(said(finding(BrokenRule::kHidden, "enter", "/opt/*")).permissions.empty());
  for (const std::string& path : std::vector<std::string>{
           "/opt/x\ny", "/opt/x\x1b[2J", "/opt/\xe2\x80\xaegnp", "/opt/\xff", "/opt/a\\*",
           "/opt/[a]", "/opt/" + std::string(250, 'x'), std::string("relative"), std::string()}) {
    INFO(path);
    CHECK_FALSE(is_plain_path(path));
    CHECK(allow_command("p", {{"filesystem.read", path, path}}).empty());
    const Violation violation = said(finding(BrokenRule::kReadOnly, "write", path));
    CHECK(violation.permissions.empty());
    CHECK(violation.target.find('\n') == std::string::npos);
    CHECK(violation.target.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("what is missed is hidden by a rule, secret, or on the host") {
  Policy policy = usual();
  policy.covers = {{"/srv/w/hid", CoverKind::kHide, "default: filesystem.hide"}};
  const ViolationWords words(policy, {1000, 1000, "u", "/home/u"}, look);
  const auto missed = [&](const char* operation, const std::string& path) {
    return words.is_missed(finding(BrokenRule::kHidden, operation, path));
  };
  CHECK(missed("read", "/srv/w/hid/anything"));
  CHECK(missed("read", "/home/u/.ssh/id_rsa"));
  CHECK(missed("read", "/home/other/.aws/credentials"));
  CHECK(missed("read", "/opt/sdk/include/x.h"));
  CHECK(missed("execute", "/opt/socket"));
  CHECK_FALSE(missed("read", "/opt/sdk/none.h"));
  CHECK_FALSE(missed("read", "/home/u/.config/git/config"));
  CHECK_FALSE(missed("execute", "/usr/local/bin/git"));
  // Made where the sandbox has no directory, or only where nobody has one.
  CHECK(missed("create", "/srv/out/new"));
  CHECK_FALSE(missed("create", "/srv/none/new"));
  CHECK_FALSE(missed("create", "/usr/lib/new"));
  CHECK_FALSE(missed("write", "/srv/out/none"));
  CHECK_FALSE(missed("read", "/opt/sdk/" + std::string(990, 'x')));
}

TEST_CASE("calls, capabilities, networks and foreign programs each have their words") {
  const auto network = [](BrokenRule rule, const char* operation, const char* target) {
    return said(finding(rule, operation, target, ViolationKind::kNetwork));
  };
  CHECK(network(BrokenRule::kNetwork, "connect", "1.1.1.1:443").rule ==
        "default: network.mode = none");
  CHECK(network(BrokenRule::kNetwork, "connect", "1.1.1.1:443").remedy ==
        "This version has no network in any mode: use what is in the workspace and installed; what "
        "this call itself serves is reached at 127.0.0.1");
  CHECK(network(BrokenRule::kNames, "resolve", "example.org").remedy ==
        "No names are looked up, since this version has no network in any mode: what this call "
        "itself serves is reached at 127.0.0.1");
  CHECK(network(BrokenRule::kPorts, "bind", "port 80").remedy ==
        "Ports below 1024 need a privilege that no sandbox has: use one from 1024 on");
  CHECK(network(BrokenRule::kUnixSockets, "connect", "/run/x").rule == "default: unix sockets");

  const auto capability = [](const char* target) {
    return said(finding(BrokenRule::kCapabilities, "x", target, ViolationKind::kCapability));
  };
  CHECK(capability("CAP_CHOWN /srv/w/f").remedy.starts_with("No profile gives CAP_CHOWN: leave"));
  CHECK(capability("CAP_SETUID").remedy ==
        "No profile gives CAP_SETUID: there is one user: run it without sudo, su or setpriv");
  CHECK(capability("nonsense").remedy == "No profile gives this: do without it");
  const Violation kill = capability("CAP_KILL");
  CHECK(kill.remedy ==
        "This profile keeps no CAP_KILL: do without, or ask the operator for "
        "capabilities.danger_keep = [\"CAP_KILL\"] in profile \"default\"");
  CHECK(kill.way == WayOut::kDanger);

  CHECK(said(finding(BrokenRule::kForeignCalls, "foreign_call", "i386 call 20",
                     ViolationKind::kSyscall))
            .remedy.find("64-bit") != std::string::npos);
  const Violation call =
      said(finding(BrokenRule::kSystemCalls, "mount", "", ViolationKind::kSyscall));
  CHECK(call.rule == "default: system calls");
  CHECK(call.way == WayOut::kDanger);
  CHECK(call.permissions.front().key == "syscalls.danger_allow");

  Finding by_profile =
      finding(BrokenRule::kProfileCalls, "socket", "AF_INET", ViolationKind::kSyscall);
  by_profile.number = 0xffff;
  const Violation group = said(by_profile);
  CHECK(group.rule == "default: syscalls.allow");
  CHECK(group.remedy ==
        "This profile does not allow @sockets: do without, or ask the operator for syscalls.allow "
        "= [\"@sockets\"] in profile \"default\"");
  CHECK(group.way == WayOut::kProfile);
}

TEST_CASE("every permission is a wish that the profile's parser takes") {
  for (const char* path : {"/opt/sdk/include/x.h", "/home/u/data/a.csv", "/opt/current/x.h"}) {
    const Violation violation = said(finding(BrokenRule::kHidden, "read", path));
    REQUIRE_FALSE(violation.permissions.empty());
    for (const Permission& each : violation.permissions) {
      CHECK(wished({"--read", "filesystem", "read", "", settings::quoted(each.value), ""}));
      CHECK(wished({"--read", "filesystem", "read", "", settings::quoted(each.exact), ""}));
    }
  }
}

}  // namespace mayfly::sandbox
