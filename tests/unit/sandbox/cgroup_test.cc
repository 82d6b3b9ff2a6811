#include "sandbox/linux/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>

#include "base/sys.h"
#include "catch_shim.h"
#include "sandbox/engine.h"
#include "sandbox/linux/cgroup_backends.h"
#include "sandbox/linux/cgroup_files.h"
#include "sandbox/linux/cgroup_scope.h"
#include "sandbox/linux/cgroup_subtree.h"
#include "skip.h"

// With real groups, of whatever version this host has. Tests that need groups are tagged [live].
namespace {

using namespace mayfly;
using namespace mayfly::sandbox;

// The keeper is this binary under another name, as it is the server's in production.
__attribute__((constructor)) void be_a_helper(int argc, char** argv) {
  if (const auto code = helper_main(argc, argv)) std::_Exit(*code);
}

constexpr std::uint64_t kMegabyte = 1U << 20;

std::unique_ptr<Cgroups> open_or_skip() {
  auto cgroups = open_cgroups();
  const CgroupAbilities& abilities = cgroups->abilities();
  if (!abilities.memory || !abilities.processes) {
    test::skip("control groups with memory and pids: " + abilities.why_not);
  }
  return cgroups;
}

std::unique_ptr<CallCgroup> make(Cgroups& cgroups) {
  auto made = cgroups.make(::geteuid(), ::getegid());
  if (!made) FAIL(describe(made.error()));
  return std::move(*made);
}

// Runs `body` in a process that is in the group from its first instruction on.
pid_t run_in(CallCgroup& group, const std::function<void()>& body) {
  if (group.directory() >= 0) {
    clone_args args{};
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<std::uint64_t>(group.directory());
    const long pid = ::syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
      body();
      ::_exit(0);
    }
    REQUIRE(pid > 0);
    return static_cast<pid_t>(pid);
  }
  auto gate = sys::pipe();
  REQUIRE(gate);
  const pid_t pid = ::fork();
  if (pid == 0) {
    gate->write.reset();
    char byte = 0;
    (void)!::read(gate->read.get(), &byte, 1);
    body();
    ::_exit(0);
  }
  const auto attached = group.attach(pid);
  if (!attached) FAIL(describe(attached.error()));
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return status;
}

bool becomes_readable(int fd) {
  struct pollfd wanted {
    fd, POLLIN, 0
  };
  return ::poll(&wanted, 1, 30'000) == 1;
}

// Polls with a bound that no healthy host reaches.
bool eventually(const std::function<bool()>& condition) {
  const TimePoint end = Clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (Clock::now() > end) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

// All groups of the server `pid`, in all hierarchies, wherever we can see them.
std::vector<std::string> groups_of(pid_t pid) {
  const CgroupView view = view_cgroups();
  std::vector<std::string> found;
  const std::function<void(const std::string&)> search = [&](const std::string& group) {
    for (const std::string& name : groups_below(group)) {
      const std::string path = group + "/" + name;
      if (name.starts_with(kGroupPrefix + std::to_string(pid) + "-")) found.push_back(path);
      search(path);
    }
  };
  for (const CgroupMount& mount : view.mounts) search(mount.point);
  return found;
}

pid_t keeper_of(pid_t server) {
  const auto children = read_group_file(
      "/proc/" + std::to_string(server) + "/task/" + std::to_string(server), "children");
  for (const pid_t child : parse_pids(children.value_or(""))) {
    const auto name = read_group_file("/proc/" + std::to_string(child), "comm");
    if (name == "mayfly-keeper\n") return child;
  }
  return 0;
}

// A server of its own process, with one call whose process sleeps.
struct OtherServer {
  pid_t pid = 0;
  pid_t keeper = 0;
};
OtherServer start_server() {
  auto ready = sys::pipe();
  REQUIRE(ready);
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto cgroups = open_cgroups();
    auto call = cgroups->make(::geteuid(), ::getegid());
    if (call) {
      // Sandboxes come from an exec'd zygote: they hold nothing of the server's.
      run_in(**call, [] {
        (void)sys::close_range(3, ~0U);
        ::pause();
      });
      (void)!::write(ready->write.get(), "y", 1);
    }
    while (true) ::pause();
  }
  ready->write.reset();
  char byte = 0;
  REQUIRE(::read(ready->read.get(), &byte, 1) == 1);
  return {pid, keeper_of(pid)};
}

void kill_and_reap(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

TEST_CASE("a host without control groups is told why and what to do") {
  const auto cgroups = open_cgroups();
  const CgroupAbilities& abilities = cgroups->abilities();
  if (abilities.version == CgroupVersion::kNone) {
    CHECK_FALSE(abilities.memory);
    CHECK_FALSE(abilities.processes);
    CHECK_FALSE(abilities.cpu);
    CHECK_FALSE(abilities.why_not.empty());
    CHECK_FALSE(abilities.remedy.empty());
    const auto refused = cgroups->make(::geteuid(), ::getegid());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kHostCannotEnforce);
    CHECK(groups_of(::getpid()).empty());
  } else {
    CHECK_FALSE(abilities.where.empty());
    CHECK((abilities.memory || abilities.processes));
    CHECK_FALSE(groups_of(::getpid()).empty());
  }
}

TEST_CASE("a refusing or silent systemd is an error that says so, and its words") {
  char path[] = "/tmp/mayfly-busctl-XXXXXX";
  const int file = ::mkstemp(path);
  REQUIRE(file >= 0);
  const auto script = [&](const std::string& text) {
    std::ofstream(path, std::ios::trunc) << "#!/bin/sh\n" << text;
    ::chmod(path, 0700);
  };
  ::close(file);
  script("echo \"Access denied by $1\" >&2; exit 1\n");
  const auto denied = enter_scope(path, {::getpid()});
  REQUIRE_FALSE(denied);
  CHECK_THAT(denied.error().message, test::contains("Access denied by --"));
  script("exec sleep 1000\n");
  const auto silent = enter_scope(path, {::getpid()});
  REQUIRE_FALSE(silent);
  CHECK_THAT(silent.error().message, test::contains("no answer in time"));
  CHECK_FALSE(enter_scope("/nonexistent/busctl", {::getpid()}));
  ::unlink(path);
}

TEST_CASE("more memory than the limit is not to be had, and the kill is counted", "[live]") {
  const auto cgroups = open_or_skip();
  const auto group = make(*cgroups);
  CgroupLimits limits;
  limits.memory_bytes = 32 * kMegabyte;
  const auto set = group->set_limits(limits);
  if (!set) FAIL(describe(set.error()));
  CHECK(group->usage().memory_kills == 0);
  const pid_t pid = run_in(*group, [] {
    void* memory = ::mmap(nullptr, 128 * kMegabyte, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (std::size_t i = 0; i < 128 * kMegabyte; i += 4096) static_cast<char*>(memory)[i] = 1;
  });
  CHECK(becomes_readable(group->event_fd()));
  const int status = wait_for(pid);
  CHECK(WIFSIGNALED(status));
  CHECK(eventually(
      [&] { return group->take_events().out_of_memory || group->usage().memory_kills; }));
  const CgroupUsage usage = group->usage();
  CHECK(usage.memory_kills >= 1);
  if (usage.peak_memory_bytes) {
    CHECK(*usage.peak_memory_bytes > 16 * kMegabyte);
    CHECK(*usage.peak_memory_bytes <= 32 * kMegabyte);
  }
}

TEST_CASE("v2 kills the whole group, not one process of it", "[.v2]") {
  const auto cgroups = open_or_skip();
  if (cgroups->abilities().version != CgroupVersion::kV2) test::skip("cgroup v2");
  const auto group = make(*cgroups);
  CgroupLimits limits;
  limits.memory_bytes = 32 * kMegabyte;
  REQUIRE(group->set_limits(limits));
  const pid_t bystander = run_in(*group, [] { ::pause(); });
  const pid_t hog = run_in(*group, [] {
    void* memory = ::mmap(nullptr, 128 * kMegabyte, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(memory, 1, 128 * kMegabyte);
  });
  CHECK(WIFSIGNALED(wait_for(hog)));
  CHECK(WIFSIGNALED(wait_for(bystander)));
  CHECK(group->take_events().out_of_memory);
}

TEST_CASE("a program's own SIGKILL is no memory kill", "[live]") {
  const auto cgroups = open_or_skip();
  const auto group = make(*cgroups);
  CgroupLimits limits;
  limits.memory_bytes = 32 * kMegabyte;
  REQUIRE(group->set_limits(limits));
  const int status = wait_for(run_in(*group, [] { ::kill(::getpid(), SIGKILL); }));
  CHECK(WIFSIGNALED(status));
  CHECK(group->usage().memory_kills == 0);
  CHECK_FALSE(group->take_events().out_of_memory);
}

TEST_CASE("forks beyond the limit are refused and counted", "[live]") {
  const auto cgroups = open_or_skip();
  const auto group = make(*cgroups);
  CgroupLimits limits;
  limits.processes = 4;
  REQUIRE(group->set_limits(limits));
  const pid_t pid = run_in(*group, [] {
    for (int forks = 0; forks < 10; ++forks) {
      const pid_t child = ::fork();
      if (child == 0) ::_exit((::pause(), 0));
      if (child < 0) ::_exit(errno == EAGAIN ? 40 + forks : 1);
    }
  });
  const int status = wait_for(pid);
  // From Linux 6.11 on v1 counts, but does not notify.
  if (cgroups->abilities().version == CgroupVersion::kV2) {
    CHECK(becomes_readable(group->event_fd()));
  }
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 43);
  CHECK(group->take_events().refused_fork);
  CHECK_FALSE(group->take_events().refused_fork);
  CHECK(group->usage().refused_forks >= 1);
  CHECK(group->usage().memory_kills == 0);
  CHECK(group->processes().size() == 3);
}

TEST_CASE("a share of the CPU is not exceeded, and time is accounted", "[live]") {
  const auto cgroups = open_or_skip();
  if (!cgroups->abilities().cpu) test::skip("the cpu controller");
  const auto group = make(*cgroups);
  CgroupLimits limits;
  limits.cpu_percent = 10;
  REQUIRE(group->set_limits(limits));
  const TimePoint began = Clock::now();
  wait_for(run_in(*group, [] {
    const TimePoint end = Clock::now() + milliseconds(500);
    while (Clock::now() < end) {
    }
  }));
  const auto wall = std::chrono::duration_cast<microseconds>(Clock::now() - began);
  CHECK(group->cpu_time() > microseconds(0));
  // 10 %, rounded up to the next period of 100 ms and to the kernel's slices.
  CHECK(group->cpu_time() < wall / 10 + milliseconds(60));
  const CgroupUsage usage = group->usage();
  REQUIRE(usage.user.has_value());
  CHECK(*usage.user > microseconds(0));
}

TEST_CASE("a kill reaches daemons, stopped ones and those that ignore signals", "[live]") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const auto cgroups = open_or_skip();
  const auto group = make(*cgroups);
  const pid_t pid = run_in(*group, [] {
    for (int i = 0; i < 8; ++i) {
      if (::fork() != 0) continue;
      ::setsid();
      ::signal(SIGTERM, SIG_IGN);
      if (i % 2 == 0) ::raise(SIGSTOP);
      while (true) ::pause();
    }
  });
  wait_for(pid);
  CHECK(group->processes().size() == 8);
  group->kill();
  for (int i = 0; i < 8; ++i) {
    int status = 0;
    CHECK(::waitpid(-1, &status, 0) > 0);
    CHECK(WIFSIGNALED(status));
  }
  CHECK(eventually([&] { return group->processes().empty(); }));
}

TEST_CASE("a call's groups go with it, and a server's with the server", "[live]") {
  {
    const auto cgroups = open_or_skip();
    const std::size_t before = groups_of(::getpid()).size();
    CHECK(before >= 1);
    auto group = make(*cgroups);
    const pid_t pid = run_in(*group, [] { ::pause(); });
    group.reset();
    CHECK(WIFSIGNALED(wait_for(pid)));
    for (const std::string& path : groups_of(::getpid())) {
      for (const std::string& name : groups_below(path)) CHECK(name == kServerLeaf);
    }
  }
  CHECK(groups_of(::getpid()).empty());
  // And again: what was switched on and moved was put back.
  CHECK(open_cgroups()->abilities().memory);
  CHECK(groups_of(::getpid()).empty());
}

TEST_CASE("a server that is killed leaves nothing, its keeper sees to it", "[live][servers]") {
  open_or_skip().reset();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const OtherServer server = start_server();
  CHECK_FALSE(groups_of(server.pid).empty());
  kill_and_reap(server.pid);
  CHECK(eventually([&] { return groups_of(server.pid).empty(); }));
  // The call's process and the keeper, which is the last.
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
}

TEST_CASE("what a server and its keeper left is swept, and living servers are not",
          "[live][servers]") {
  open_or_skip().reset();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const OtherServer living = start_server();
  const OtherServer dead = start_server();
  REQUIRE(dead.keeper > 0);
  ::kill(dead.keeper, SIGKILL);
  kill_and_reap(dead.pid);
  CHECK_FALSE(groups_of(dead.pid).empty());
  const std::vector<std::string> before = groups_of(living.pid);
  CHECK_FALSE(before.empty());
  {
    const auto ours = open_cgroups();
    CHECK(groups_of(dead.pid).empty());
    CHECK(groups_of(living.pid) == before);
    CHECK_FALSE(groups_of(::getpid()).empty());
  }
  CHECK(groups_of(living.pid) == before);
  kill_and_reap(living.pid);
  CHECK(eventually([&] { return groups_of(living.pid).empty(); }));
}

TEST_CASE("servers that start at once never take each other for dead", "[live][servers]") {
  open_or_skip().reset();
  constexpr int kServers = 6;
  std::vector<pid_t> servers;
  for (int i = 0; i < kServers; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (int round = 0; round < 5; ++round) {
        const auto cgroups = open_cgroups();
        const auto call = cgroups->make(::geteuid(), ::getegid());
        if (!call) {
          std::puts(call.error().message.c_str());
          std::fflush(stdout);
          ::_exit(1);
        }
        CgroupLimits limits;
        limits.processes = 10;
        if (!(*call)->set_limits(limits)) ::_exit(2);
      }
      ::_exit(0);
    }
    servers.push_back(pid);
  }
  for (const pid_t pid : servers) {
    CHECK(wait_for(pid) == 0);
    CHECK(groups_of(pid).empty());
  }
}

TEST_CASE("a zygote that is another user clones into a call's group", "[.v2]") {
  const auto cgroups = open_or_skip();
  if (cgroups->abilities().version != CgroupVersion::kV2) test::skip("cgroup v2");
  if (::geteuid() != 0) test::skip("root");
  constexpr uid_t kUser = 21000;
  auto made = cgroups->make(kUser, kUser);
  REQUIRE(made);
  CallCgroup& group = **made;
  auto gate = sys::pipe();
  REQUIRE(gate);
  const pid_t zygote = ::fork();
  if (zygote == 0) {
    gate->write.reset();
    char byte = 0;
    (void)!::read(gate->read.get(), &byte, 1);
    if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) ::_exit(2);
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(3);
    clone_args args{};
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<std::uint64_t>(group.directory());
    const long pid = ::syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) ::_exit(4);
    if (pid == 0) {
      const std::string own = read_group_file("/proc/self", "cgroup").value_or("");
      ::_exit(own.find(kCallPrefix) == std::string::npos ? 1 : 0);
    }
    int status = 0;
    ::waitpid(static_cast<pid_t>(pid), &status, 0);
    ::_exit(WEXITSTATUS(status));
  }
  const auto adopted = cgroups->adopt_zygote(zygote, kUser, kUser);
  if (!adopted) FAIL(describe(adopted.error()));
  gate->write.reset();
  const int status = wait_for(zygote);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

// The rest is run in a virtual machine, by its name (tests/vm).

TEST_CASE("systemd gives a scope of our own", "[.scope]") {
  const auto cgroups = open_cgroups();
  INFO(cgroups->abilities().why_not);
  CHECK(cgroups->abilities().version == CgroupVersion::kV2);
  CHECK(cgroups->abilities().memory);
  CHECK_THAT(cgroups->abilities().where,
             test::contains("/mayfly-" + std::to_string(::getpid()) + ".scope/mayfly-"));
}

TEST_CASE("a server for others to kill", "[.]") {
  const auto cgroups = open_or_skip();
  const auto group = make(*cgroups);
  run_in(*group, [] {
    (void)sys::close_range(3, ~0U);
    ::pause();
  });
  std::puts("ready");
  std::fflush(stdout);
  ::pause();
}

TEST_CASE("what making, limiting and removing a group costs is printed", "[live]") {
  const auto cgroups = open_or_skip();
  CgroupLimits limits;
  limits.memory_bytes = 64 * kMegabyte;
  limits.processes = 64;
  if (cgroups->abilities().cpu) limits.cpu_percent = 100;
  constexpr int kRounds = 20;
  const TimePoint began = Clock::now();
  for (int round = 0; round < kRounds; ++round) {
    const auto group = make(*cgroups);
    REQUIRE(group->set_limits(limits));
  }
  const auto took = std::chrono::duration_cast<microseconds>(Clock::now() - began);
  std::printf("make, limit and remove: %lld us\n", static_cast<long long>(took.count() / kRounds));
}

}  // namespace
