#include "sandbox/linux/plan.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>

#include "base/sys.h"
#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

Policy small_policy() {
  Policy policy;
  policy.profile = "default";
  policy.identity = {1000, 1000, 1000, 1000, "alice", "/home/alice", "mayfly"};
  policy.workspaces = {{"/home/alice/code", 1, 2, 1000, 1000}};
  policy.environment = {{"HOME", "/home/alice"}, {"PATH", "/usr/bin:/bin"}};
  policy.limits.memory_bytes = 2ULL << 30;
  return policy;
}

std::size_t position(const RootPlan& plan, CallOpKind kind, const std::string& target) {
  const auto found =
      std::find_if(plan.call_ops.begin(), plan.call_ops.end(),
                   [&](const CallOp& op) { return op.kind == kind && op.target == target; });
  REQUIRE(found != plan.call_ops.end());
  return static_cast<std::size_t>(found - plan.call_ops.begin());
}

}  // namespace

TEST_CASE("a plan survives the way to another process") {
  Policy policy = small_policy();
  policy.mounts = {{"/usr", "/usr", Access::kRead, Ownership::kAsOnHost, "r"}};
  policy.protected_directories = {".git/hooks"};
  const RootPlan plan = plan_root(policy, {}).value();
  CHECK(decode_root_plan(encode(plan)).value() == plan);

  Command command;
  command.argv = {"true", "", "with space"};
  command.limits = policy.limits;
  command.terminal = {.columns = 80, .rows = 24};
  command.notebook = sys::memfd_unsealed("notebook").value();
  const CallPlan call = plan_call(policy, command).value();
  CHECK(call.has_notebook);
  CHECK(decode_call_plan(encode(call)).value() == call);
}

TEST_CASE("a terminal has a type of its own, unless the command or the profile says another") {
  Policy policy = small_policy();
  policy.environment.emplace_back("TERM", "dumb");
  const auto term = [&policy](bool terminal, const char* own) {
    Command command;
    command.argv = {"true"};
    if (terminal) command.terminal.emplace();
    if (own != nullptr) command.environment = {{"TERM", own}};
    std::string found;
    const CallPlan plan = plan_call(policy, command).value();
    CHECK(plan.terminal.has_value() == terminal);
    for (const std::string& variable : plan.environment) {
      if (variable.starts_with("TERM=")) found += variable.substr(5);
    }
    return found;
  };
  CHECK(term(false, nullptr) == "dumb");
  CHECK(term(true, nullptr) == "xterm-256color");
  CHECK(term(true, "vt100") == "vt100");
  policy.terminal_type = "linux";
  CHECK(term(true, nullptr) == "linux");
  CHECK(term(false, nullptr) == "dumb");
}

TEST_CASE("a terminal cannot have a pipe as its input") {
  Command command;
  command.argv = {"true"};
  command.terminal.emplace();
  command.stdin_pipe = sys::pipe().value().read;
  CHECK_FALSE(plan_call(small_policy(), command).has_value());
}

TEST_CASE("a plan that was cut anywhere on the way is refused") {
  const std::string bytes = encode(plan_root(small_policy(), {}).value());
  for (std::size_t size = 0; size < bytes.size(); size += 97) {
    CHECK_FALSE(decode_root_plan(std::string_view(bytes).substr(0, size)).has_value());
  }
  CHECK_FALSE(decode_root_plan(bytes + "x").has_value());
}

TEST_CASE("what lies below a private directory is mounted again for every call, after it") {
  Policy policy = small_policy();
  // Any existing path will do as the source.
  policy.mounts = {{"/usr", "/home/alice/code", Access::kWrite, Ownership::kAsOnHost, "workspace"},
                   {"/usr", "/usr", Access::kRead, Ownership::kAsOnHost, "system"}};
  const RootPlan plan = plan_root(policy, {}).value();
  CHECK(position(plan, CallOpKind::kTmpfs, "/home/alice") <
        position(plan, CallOpKind::kMount, "/home/alice/code"));
  const auto once = std::count_if(plan.root_ops.begin(), plan.root_ops.end(), [](const RootOp& op) {
    return op.kind == RootOpKind::kMount && op.target == "/usr";
  });
  CHECK(once == 1);
}

TEST_CASE("protection comes after every mount, so that nothing is mounted over it") {
  Policy policy = small_policy();
  policy.workspaces.front().path = "/usr";  // any existing path will do as the source
  policy.mounts = {{"/usr", "/home/alice/code", Access::kWrite, Ownership::kAsOnHost, "workspace"}};
  policy.covers = {{"/home/alice/.cargo/credentials", CoverKind::kHide, ""}};
  policy.protected_directories = {".git/hooks"};
  const RootPlan plan = plan_root(policy, {}).value();
  const std::size_t last_mount = position(plan, CallOpKind::kMount, "/home/alice/code");
  CHECK(position(plan, CallOpKind::kProtect, "/home/alice/code") > last_mount);
  CHECK(position(plan, CallOpKind::kHide, "/proc/kcore") > last_mount);
}

namespace {

MountRule shown(const std::string& path, Access access) {
  return {path, path, access, Ownership::kAsOnHost, "test"};
}

std::string calls_of(const Policy& policy) {
  const std::string text = to_text(plan_root(policy, {}).value());
  const std::size_t first = text.find("call  proc /proc\n");
  const std::size_t last = text.find("call  hide /proc/");
  REQUIRE(first != std::string::npos);
  return text.substr(first, last - first);
}

}  // namespace

TEST_CASE("of nested rules the outer one is mounted first, whatever their order") {
  Policy policy = small_policy();
  policy.workspaces.front().path = "/usr/share";
  policy.mounts = {shown("/usr/share/man", Access::kRead), shown("/usr/share", Access::kWrite),
                   shown("/usr/share/man/man1", Access::kWrite),
                   shown("/usr/share/doc", Access::kWrite)};
  policy.covers = {{"/usr/share/info", CoverKind::kHide, ""}, {"/srv", CoverKind::kHide, ""}};
  policy.tmpfs = {{"/srv/own", 1 << 20, "test: tmpfs"}};
  CHECK(calls_of(policy) ==
        "call  proc /proc\n"
        "call  tmpfs /dev/shm of 1 GiB\n"
        "call  tmpfs /home/alice of 1 GiB\n"
        "call  hide /srv of 1 MiB\n"
        "call  tmpfs /srv/own of 1 MiB : test: tmpfs\n"
        "call  tmpfs /tmp of 1 GiB\n"
        "call  hide /usr/share/info\n"
        "call  protect /usr/share : man\n"
        "call  mount /usr/share/man/man1 from /usr/share/man/man1\n"
        "call  seal /srv\n");
}

TEST_CASE("what is denied is denied with everything below it, patterns too") {
  Policy policy = small_policy();
  policy.mounts = {shown("/usr", Access::kRead), shown("/usr/share", Access::kWrite),
                   shown("/usr/share/man", Access::kWrite)};
  policy.covers = {{"/usr/share", CoverKind::kDeny, ""}};
  std::string text = to_text(plan_root(policy, {}).value());
  CHECK_THAT(text, test::contains("call  deny /usr/share\n"));
  CHECK(text.find("/usr/share/man") == std::string::npos);
  policy.covers = {{"/usr/*", CoverKind::kHide, ""}};
  text = to_text(plan_root(policy, {}).value());
  CHECK_THAT(text, test::contains("call  matches /usr : /usr/*\n"));
  CHECK(text.find("/usr/share/man") == std::string::npos);
}

TEST_CASE("a rule that takes away what no sandbox can be without is refused") {
  for (const char* path : {"/", "/proc", "/dev", "/dev/null", "/home/alice/code", "/home/a*",
                           "/proc/*/environ", "/home/**"}) {
    Policy policy = small_policy();
    policy.covers = {{path, CoverKind::kDeny, "", {}}};
    INFO(path);
    const auto plan = plan_root(policy, {});
    REQUIRE_FALSE(plan.has_value());
    CHECK(plan.error().code == ErrorCode::kPathRefused);
    CHECK(plan.error().field == "filesystem.deny");
    CHECK_FALSE(plan.error().remedy.empty());
  }
}

TEST_CASE("nobody may write what programs of the host run, under any name") {
  Policy policy = small_policy();
  policy.workspaces.front().path = "/usr";
  policy.protected_directories = {"share/man"};
  policy.mounts = {{"/usr/share", "/a", Access::kWrite, Ownership::kAsOnHost, "test"},
                   {"/usr/lib", "/b", Access::kWrite, Ownership::kAsOnHost, "test"}};
  CHECK_THAT(to_text(plan_root(policy, {}).value()), test::contains("call  protect /a : man\n"));
  policy.mounts.push_back(
      {"/usr/share/man/man1", "/c", Access::kWrite, Ownership::kAsOnHost, "test"});
  const auto plan = plan_root(policy, {});
  REQUIRE_FALSE(plan.has_value());
  CHECK(plan.error().code == ErrorCode::kPathRefused);
  CHECK_THAT(plan.error().remedy, test::contains("danger_unprotect = [\"share/man\"]"));
}

TEST_CASE("without namespaces the rules that need mounts are refused") {
  const auto refused = [](const auto& change) {
    Policy policy = small_policy();
    policy.mounts = {shown("/usr", Access::kRead), shown("/home/alice/code", Access::kWrite)};
    REQUIRE(plan_landlock_root(policy, {}));
    change(policy);
    const auto plan = plan_landlock_root(policy, {});
    REQUIRE_FALSE(plan.has_value());
    CHECK(plan.error().code == ErrorCode::kHostCannotEnforce);
    return plan.error().value;
  };
  CHECK(refused([](Policy& p) {
          p.covers = {{"/home/alice/code/x", CoverKind::kHide, ""}};
        }) == "/home/alice/code/x");
  CHECK(refused([](Policy& p) {
          p.covers = {{"/home/alice/code/x", CoverKind::kDeny, ""}};
        }) == "/home/alice/code/x");
  CHECK(refused([](Policy& p) {
          p.covers = {{"/usr/**/key", CoverKind::kHide, ""}};
        }) == "/usr/**/key");
  CHECK(refused([](Policy& p) { p.tmpfs = {{"/srv/x", 1, ""}}; }) == "/srv/x");
  CHECK(refused([](Policy& p) {
          p.mounts.push_back({"/etc", "/x", Access::kRead, Ownership::kAsOnHost, "bind"});
        }) == "/etc");
  CHECK(refused([](Policy& p) {
          p.mounts.push_back(shown("/home/alice/code/lib", Access::kRead));
        }) == "/home/alice/code/lib");
}

TEST_CASE("without namespaces nothing below a denied directory is allowed again") {
  Policy policy = small_policy();
  policy.mounts = {shown("/usr", Access::kRead), shown("/usr/share/man", Access::kRead),
                   shown("/usr/share/doc", Access::kWrite)};
  policy.covers = {{"/usr/share", CoverKind::kDeny, ""}};
  const std::string text = to_text(plan_landlock_root(policy, {}).value());
  CHECK(text.find("/usr/share") == std::string::npos);
  CHECK_THAT(text, test::contains("landlock read /usr/bin\n"));
}

TEST_CASE("Landlock allows writing exactly where the mounts do") {
  Policy policy = small_policy();
  policy.mounts = {{"/usr", "/home/alice/code", Access::kWrite, Ownership::kAsOnHost, "workspace"},
                   {"/usr", "/srv/second", Access::kWrite, Ownership::kAsOnHost, "workspace"},
                   {"/usr", "/srv/third", Access::kRead, Ownership::kAsOnHost, "read"},
                   {"/usr", "/usr", Access::kRead, Ownership::kAsOnHost, "system"}};
  const std::string text = to_text(plan_root(policy, {}).value());
  CHECK_THAT(text, test::contains("landlock read /\n"
                                  "landlock write /scratch\n"
                                  "landlock write /dev/shm\n"
                                  "landlock write /home/alice\n"
                                  "landlock write /srv/second\n"
                                  "landlock write /tmp\n"
                                  "landlock devices /dev/null\n"
                                  "landlock devices /dev/zero\n"
                                  "landlock devices /dev/full\n"
                                  "landlock devices /dev/random\n"
                                  "landlock devices /dev/urandom\n"
                                  "landlock devices /dev/tty\n"
                                  "landlock devices /dev/pts\n"
                                  "filter"));
}

TEST_CASE("without namespaces nothing is mounted and every rule is a path of the host's") {
  Policy policy = small_policy();
  policy.mounts = {
      {"/usr", "/usr", Access::kRead, Ownership::kAsOnHost, "system"},
      {"/home/alice/code", "/home/alice/code", Access::kWrite, Ownership::kAsOnHost, "workspace"}};
  const RootPlan plan = plan_landlock_root(policy, {}).value();
  CHECK(plan.tier == Tier::kLandlock);
  CHECK(plan.sources.empty());
  CHECK(plan.root_ops.empty());
  CHECK(plan.call_ops.empty());
  CHECK(decode_root_plan(encode(plan)).value() == plan);
  const std::string text = to_text(plan);
  CHECK_THAT(text, test::contains("tier landlock\n"));
  CHECK_THAT(text, test::contains("landlock read /usr\n"));
  CHECK_THAT(text, test::contains("landlock write /home/alice/code\n"));
  CHECK_THAT(text, test::contains("landlock read /proc/meminfo\n"));
  for (const char* never : {" /\n", " /home\n", " /home/alice\n", " /proc\n", " /tmp\n", " /dev\n",
                            " /dev/shm\n", " /dev/pts\n", " /run\n", " /etc\n"}) {
    INFO(never);
    CHECK(text.find(never) == std::string::npos);
  }
}

TEST_CASE("without namespaces what is hidden in a directory is left out of its rules") {
  char name[] = "/tmp/plan-XXXXXX";
  const std::string top = ::mkdtemp(name);
  for (const char* directory : {"/real", "/real/bin", "/real/deep", "/real/deep/more"}) {
    REQUIRE(sys::mkdir(top + directory, 0755));
  }
  for (const char* file :
       {"/real/credentials", "/real/config", "/real/deep/token", "/real/deep/a"}) {
    REQUIRE(sys::open(top + file, O_CREAT | O_WRONLY, 0644));
  }
  REQUIRE(sys::symlink("real", top + "/chain"));  // as a home directory may be
  Policy policy = small_policy();
  policy.mounts = {
      {top + "/chain", top + "/chain", Access::kRead, Ownership::kAsOnHost, "toolchain"}};
  policy.covers = {{top + "/chain/credentials", CoverKind::kHide, ""},
                   {top + "/chain/deep/token", CoverKind::kHide, ""},
                   {top + "/chain/absent", CoverKind::kHide, ""}};
  const std::string text = to_text(plan_landlock_root(policy, {}).value());
  for (const char* allowed : {"/real/bin", "/real/config", "/real/deep/more", "/real/deep/a"}) {
    CHECK_THAT(text, test::contains("landlock read " + top + allowed + "\n"));
  }
  for (const char* denied :
       {"/real", "/real/credentials", "/real/deep", "/real/deep/token", "/chain"}) {
    INFO(denied);
    CHECK(text.find(" " + top + denied + "\n") == std::string::npos);
  }
  REQUIRE(std::system(("rm -rf " + top).c_str()) == 0);
}

TEST_CASE("without namespaces what only they could prevent is refused") {
  Policy mapped = small_policy();
  mapped.mounts = {{"/w", "/w", Access::kWrite, Ownership::kMapped, "workspace"}};
  CHECK(plan_landlock_root(mapped, {}).error().code == ErrorCode::kHostCannotEnforce);
  Surroundings surroundings;
  surroundings.set_id_files = {{"/home/alice/code", "bin/sudo"}};
  const auto set_id = plan_landlock_root(small_policy(), surroundings);
  REQUIRE_FALSE(set_id.has_value());
  CHECK(set_id.error().value == "/home/alice/code/bin/sudo");
}

TEST_CASE("without namespaces HOME and TMPDIR are the call's own unless it set them") {
  Policy policy = small_policy();
  policy.environment.emplace_back("SCRATCH", kScratchPath);
  Command command;
  command.argv = {"env"};
  CallPlan plan = plan_call(policy, command).value();
  use_private_directory(plan, policy, "/p");
  CHECK(plan.private_directory == "/p");
  CHECK(decode_call_plan(encode(plan)).value() == plan);
  CHECK(plan.environment == std::vector<std::string>{"HOME=/p/home", "PATH=/usr/bin:/bin",
                                                     "TMPDIR=/p/tmp", "GIT_CONFIG_NOSYSTEM=1"});
  command.environment = {{"TMPDIR", "/home/alice/code/tmp"}};
  plan = plan_call(policy, command).value();
  use_private_directory(plan, policy, "/p");
  CHECK(std::count(plan.environment.begin(), plan.environment.end(),
                   "TMPDIR=/home/alice/code/tmp") == 1);
  CHECK(std::count(plan.environment.begin(), plan.environment.end(), "TMPDIR=/p/tmp") == 0);
}

TEST_CASE("a read-only workspace needs no protection") {
  Policy policy = small_policy();
  policy.workspace_access = WorkspaceAccess::kReadOnly;
  policy.mounts = {{"/usr", "/home/alice/code", Access::kRead, Ownership::kAsOnHost, "workspace"}};
  policy.protected_directories = {".git/hooks"};
  const RootPlan plan = plan_root(policy, {}).value();
  CHECK(std::none_of(plan.call_ops.begin(), plan.call_ops.end(),
                     [](const CallOp& op) { return op.kind == CallOpKind::kProtect; }));
}

TEST_CASE("a call's variables replace the policy's and keep the others") {
  Command command;
  command.argv = {"env"};
  command.environment = {{"PATH", "/opt/bin"}, {"NEW", "1"}};
  const CallPlan plan = plan_call(small_policy(), command).value();
  CHECK(plan.path == "/opt/bin");
  CHECK(plan.environment == std::vector<std::string>{"HOME=/home/alice", "NEW=1", "PATH=/opt/bin"});
  CHECK(plan.cwd == "/home/alice/code");
}

TEST_CASE("an argument with a NUL byte is refused, not cut") {
  Command command;
  command.argv = {"echo", std::string("a\0b", 3)};
  const auto plan = plan_call(small_policy(), command);
  REQUIRE_FALSE(plan.has_value());
  CHECK(plan.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("a plan can be read by a person") {
  Policy policy = small_policy();
  policy.mounts = {{"/usr", "/usr", Access::kRead, Ownership::kAsOnHost, "system"}};
  const std::string text = to_text(plan_root(policy, {}).value());
  CHECK_THAT(text, test::contains("once  mount /usr from /usr read-only\n"));
  CHECK_THAT(text, test::contains("call  tmpfs /home/alice of 1 GiB\n"));
  CHECK_THAT(text, test::contains("call  proc /proc\n"));
}

}  // namespace mayfly::sandbox
