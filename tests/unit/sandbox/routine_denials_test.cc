#include "sandbox/linux/routine_denials.h"

#include <string>

#include "catch_shim.h"

using namespace mayfly;
using namespace mayfly::sandbox;

namespace {

bool routine(const char* operation, const std::string& target,
             BrokenRule rule = BrokenRule::kReadOnly) {
  return is_routine_denial({ViolationKind::kFilesystem, rule, operation, target, 0});
}

}  // namespace

TEST_CASE("a process that sets something of its own below /proc is routine") {
  for (const char* path :
       {"/proc/self/comm", "/proc/thread-self/comm", "/proc/12/oom_score_adj", "/proc/self/mem",
        "/proc/self/task/13/comm", "/proc/12/task/13/sched", "/proc/self/attr/exec",
        "/proc/self/attr/apparmor/exec", "/proc/self/clear_refs", "/proc/self/loginuid",
        "/proc/self/timerslack_ns", "/proc/self/coredump_filter", "/proc/self/autogroup"}) {
    INFO(path);
    CHECK(routine("write", path));
    CHECK(routine("create", path));
    CHECK(routine("write", path, BrokenRule::kOutside));
    CHECK_FALSE(routine("remove", path));
    CHECK_FALSE(routine("change", path));
    CHECK_FALSE(routine("write", path, BrokenRule::kDenied));
    CHECK_FALSE(routine("write", path, BrokenRule::kProtected));
    CHECK_FALSE(routine("write", std::string("/x") + path));
  }
}

TEST_CASE("what is for more than one process is told, and so are id mappings") {
  for (const char* path :
       {"/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups", "/proc/12/uid_map",
        "/proc/self/task/13/gid_map", "/proc/sys/kernel/core_pattern", "/proc/sys/self/comm",
        "/proc/sysrq-trigger", "/proc/comm", "/proc/self", "/proc/self/attr", "/proc/self/root/mem",
        "/proc/self/cwd/comm", "/proc/self/fd/3", "/proc/self/comm/../uid_map",
        "/proc/self/task/x/comm", "/proc/self/task/comm", "/proc/1x/comm"}) {
    INFO(path);
    CHECK_FALSE(routine("write", path));
  }
}

TEST_CASE("compiled modules of Python that cannot be kept are routine") {
  const std::string directory = "/usr/lib/python3/__pycache__";
  for (const char* operation : {"create", "write", "remove", "rename"}) {
    CHECK(routine(operation, directory));
    CHECK(routine(operation, directory + "/a.pyc.12"));
    CHECK_FALSE(routine(operation, "/usr/lib/python3/a.pyc"));
    CHECK_FALSE(routine(operation, directory + "x/a.pyc"));
    CHECK_FALSE(routine(operation, directory + "/../a.py"));
    CHECK_FALSE(routine(operation, directory + "/a.pyc", BrokenRule::kProtected));
    CHECK_FALSE(routine(operation, directory + "/a.pyc", BrokenRule::kHidden));
  }
  CHECK_FALSE(routine("read", directory));
  CHECK_FALSE(routine("change", directory));
}
