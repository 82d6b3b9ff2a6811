#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "base/result.h"
#include "sandbox/host_probe.h"

// How a host is probed: what a sandbox would do is done, in processes made for it.
namespace mayfly::sandbox {
class Cgroups;
}

namespace mayfly::sandbox::probes {

// Does the thing, in a process of its own that ends afterwards: namespaces, filters and credentials
// may be changed at will. Says what was done.
using Trial = std::function<Result<std::string>()>;

struct Outcome {
  Probe::State state = Probe::State::kUnknown;
  std::string detail;
  int os_errno = 0;
};

// Runs `trial` in a forked child and waits for at most two seconds: a kernel that does not answer
// does not have it. May be called in a trial again.
Outcome attempt(const Trial& trial);
// The same as a result, for trials in trials.
Result<std::string> attempt_within(const std::string& what, const Trial& trial);

// A child that runs `body` and exits with what that returns. Killed and reaped at the end of scope,
// and by the kernel if its parent dies first.
class Helper {
 public:
  explicit Helper(const std::function<int()>& body, unsigned long clone_flags = 0);
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  pid_t pid() const { return pid_; }  // below 0: errno says why it was not started
  int wait();                         // its wait status

 private:
  pid_t pid_ = -1;
};

// What the zygote does first: become the sandbox's host uid, and make the outer user namespace.
Status enter_user_namespace();
Status enter_mount_namespace();  // private; wants a user namespace of our own
// Any directory that every host has, to mount on in a mount namespace of our own.
inline constexpr const char* kMountPoint = "/usr";

// One row before it is tried.
struct Row {
  std::string id;
  std::string name;
  std::string needed;
  std::vector<Tier> tiers;
  std::string after;  // the id of a row without which this one cannot be tried
  Trial trial;
  std::function<std::string(const Outcome&)> remedy;
};
std::vector<Row> namespace_rows();
std::vector<Row> mount_rows();
std::vector<Row> process_rows();
std::vector<Row> seccomp_rows();
std::vector<Row> landlock_rows();

// Rows that are not found by a trial in a child. With control groups that are open already nothing
// is made but one group for a moment.
std::vector<Probe> cgroup_probes();
std::vector<Probe> cgroup_probes(Cgroups& cgroups);
Probe container_probe();
bool in_container();  // likely, as that row says
Probe core_pattern_probe();

// What a person can do about it; looks at settings only to choose among remedies.
std::string user_namespace_remedy(const Outcome& outcome);
std::string procfs_remedy(const Outcome& outcome);
std::string landlock_remedy(const Outcome& outcome);
std::string ptrace_remedy(const Outcome& outcome);
// `otherwise`, or in a container what whoever starts it has to do.
std::string cgroup_remedy(const std::string& otherwise);
// For a system call that has been there since Linux `version`.
std::function<std::string(const Outcome&)> needs_linux(std::string version, std::string calls);
// The first line of a file, empty if it cannot be read.
std::string setting(const std::string& path);

}  // namespace mayfly::sandbox::probes
