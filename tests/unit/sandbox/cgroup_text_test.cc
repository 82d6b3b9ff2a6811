#include "sandbox/linux/cgroup_text.h"
#include "sandbox/linux/cgroup_subtree.h"

#include "catch_shim.h"
#include "sandbox/linux/cgroup_scope.h"

namespace {

using namespace mayfly::sandbox;

constexpr const char* kHybridGroups =
    "9:name=systemd:/\n"
    "8:pids:/\n"
    "6:freezer:/jail\n"
    "4:memory:/process_api/d457\n"
    "1:cpu,cpuacct:/user.slice\n"
    "0::/init.scope\n";
constexpr const char* kHybridMounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:7 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
constexpr const char* kUnifiedMounts =
    "24 30 0:22 / /proc rw,nosuid - proc proc rw\n"
    "35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST_CASE("membership of groups is read line by line, v2's has no controllers") {
  const auto found = parse_memberships(kHybridGroups);
  REQUIRE(found.size() == 6);
  CHECK(found[3] == Membership{{"memory"}, "/process_api/d457"});
  CHECK(found[4] == Membership{{"cpu", "cpuacct"}, "/user.slice"});
  CHECK(found[5] == Membership{{}, "/init.scope"});
}

TEST_CASE("a path may contain colons, and one out of our namespace is not ours") {
  CHECK(parse_memberships("0::/a:b\n").front().path == "/a:b");
  CHECK(parse_memberships("0::/../elsewhere\n").empty());
  CHECK(parse_memberships("nonsense\n\n:\n").empty());
}

TEST_CASE("mounts of control groups are found among others") {
  const auto mounts = parse_cgroup_mounts(kHybridMounts);
  REQUIRE(mounts.size() == 4);
  CHECK(mounts[0].point == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK_FALSE(mounts[0].v2);
  CHECK(mounts[3].v2);
  const auto odd = parse_cgroup_mounts(
      "1 2 0:3 /docker/x /mnt/a\\040b rw - cgroup2 cgroup2 rw\nshort line - cgroup2\n");
  REQUIRE(odd.size() == 1);
  CHECK(odd[0].point == "/mnt/a b");
  CHECK(odd[0].root == "/docker/x");
}

TEST_CASE("a group's directory is its path below the mount's root") {
  const auto groups = parse_memberships(kHybridGroups);
  const auto mounts = parse_cgroup_mounts(kHybridMounts);
  CHECK(v1_directory("memory", groups, mounts) == "/sys/fs/cgroup/memory/process_api/d457");
  CHECK(v1_directory("pids", groups, mounts) == "/sys/fs/cgroup/pids");
  CHECK(v1_directory("cpuacct", groups, mounts) == "/sys/fs/cgroup/cpu,cpuacct/user.slice");
  CHECK(v1_directory("freezer", groups, mounts).empty());  // not mounted
  CHECK(v2_directory(groups, mounts) == "/sys/fs/cgroup/unified/init.scope");

  const auto unified = parse_cgroup_mounts(kUnifiedMounts);
  CHECK(v2_directory({{{}, "/"}}, unified) == "/sys/fs/cgroup");
  CHECK(v2_directory({{{}, "/user.slice/a.scope"}}, unified) ==
        "/sys/fs/cgroup/user.slice/a.scope");
}

TEST_CASE("in a container the mount's root is cut off, and what is outside has no directory") {
  const std::vector<CgroupMount> mounts = {{true, "/docker/x", "/sys/fs/cgroup", {"rw"}}};
  CHECK(v2_directory({{{}, "/docker/x"}}, mounts) == "/sys/fs/cgroup");
  CHECK(v2_directory({{{}, "/docker/x/y"}}, mounts) == "/sys/fs/cgroup/y");
  CHECK(v2_directory({{{}, "/docker/xy"}}, mounts).empty());
  CHECK(v2_directory({{{}, "/"}}, mounts).empty());
}

TEST_CASE("figures are read from the kernel's formats") {
  const char* cpu_stat = "usage_usec 4711\nuser_usec 4000\nsystem_usec 711\nnr_periods 0\n";
  CHECK(parse_keyed(cpu_stat, "usage_usec") == 4711U);
  CHECK(parse_keyed(cpu_stat, "system_usec") == 711U);
  CHECK_FALSE(parse_keyed(cpu_stat, "usec").has_value());

  const char* memory_events = "low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n";
  CHECK(parse_keyed(memory_events, "oom_kill") == 3U);
  CHECK(parse_keyed("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "oom_kill") == 2U);
  CHECK(parse_keyed("max 7\n", "max") == 7U);

  const char* io_stat =
      "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"
      "259:0 rbytes=100 wbytes=512 rios=1 wios=1 dbytes=0 dios=0\n";
  CHECK(parse_nested(io_stat, "rbytes") == 4196U);
  CHECK(parse_nested(io_stat, "wbytes") == 512U);
  CHECK_FALSE(parse_nested("", "rbytes").has_value());

  CHECK(parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=1234\n"
                       "full avg10=0.00 avg60=0.00 avg300=0.00 total=99\n") == 1234U);
  CHECK(parse_device_sum("8:0 Read 4096\n8:0 Write 1\n8:16 Read 4\nTotal 4101\n", "Read") == 4100U);
}

TEST_CASE("a number that is none is none, and max is none") {
  CHECK(parse_number("42\n") == 42U);
  CHECK_FALSE(parse_number("max\n").has_value());
  CHECK_FALSE(parse_number("").has_value());
  CHECK_FALSE(parse_number("-1").has_value());
  CHECK_FALSE(parse_number("99999999999999999999999").has_value());
  CHECK(parse_pids("1\n22\n333\n") == std::vector<pid_t>{1, 22, 333});
}

TEST_CASE("a scope is asked for with all processes and with delegation") {
  const auto words = scope_request(Systemd::kUser, "mayfly-7.scope", {7, 8});
  std::string line;
  for (const std::string& word : words) line += word + " ";
  CHECK(
      line ==
      "--user call org.freedesktop.systemd1 /org/freedesktop/systemd1 "
      "org.freedesktop.systemd1.Manager StartTransientUnit ssa(sv)a(sa(sv)) mayfly-7.scope fail 4 "
      "Description s Mayfly's sandboxes Delegate b true CollectMode s inactive-or-failed "
      "PIDs au 2 7 8 0 ");
  CHECK(scope_request(Systemd::kSystem, "x.scope", {1}).front() == "--system");
}

}  // namespace

TEST_CASE("only the names that servers give are a server's") {
  CHECK(is_own_name("mayfly-123-0123456789abcdef"));
  for (const char* other :
       {"mayfly-operator.service", "mayfly-123", "mayfly--0123456789abcdef",
        "mayfly-123-0123456789abcdeg", "mayfly-123-0123456789abcdef0", "other"}) {
    CHECK_FALSE(is_own_name(other));
  }
}
