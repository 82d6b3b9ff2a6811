#include "sandbox/linux/tier.h"

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "sandbox/linux/landlock.h"

namespace mayfly::sandbox {
namespace {

// In a child of a process with threads: system calls only, and those of ids by number, since the C
// library's would wait for the threads.
bool can_make_namespaces(const Identity& identity) {
  if (::geteuid() == 0) {
    const uid_t uid = identity.host_uid;
    const gid_t gid = identity.host_gid;
    if (::syscall(SYS_setgroups, 0, nullptr) < 0) return false;
    if (::syscall(SYS_setresgid, gid, gid, gid) < 0) return false;
    if (::syscall(SYS_setresuid, uid, uid, uid) < 0) return false;
  }
  // Some hosts let everybody make a user namespace, and nobody mount in it.
  return ::unshare(CLONE_NEWUSER) == 0 && ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool try_namespaces(const Identity& identity) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(can_make_namespaces(identity) ? 0 : 1);
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Result<Tier> choose_tier(const Policy& policy) {
  if (policy.weakest_tier == Tier::kFull || try_namespaces(policy.identity)) return Tier::kFull;
  const int abi = probe_landlock();
  if (abi >= kLeastAbiAlone) return Tier::kLandlock;
  return fail(input_error(
      ErrorCode::kHostCannotEnforce, "tier", to_string(policy.weakest_tier),
      "this host allows no user namespaces, and its Landlock " +
          (abi == 0 ? std::string("is missing") : "has ABI " + std::to_string(abi)) +
          ", while 6 is needed to keep signals in",
      "Allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
      "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or run "
      "Linux 6.12 or later with landlock in its list of LSMs (lsm=)"));
}

}  // namespace mayfly::sandbox
