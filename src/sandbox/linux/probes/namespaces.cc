#include <arpa/inet.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>

#include "base/sys.h"
#include "sandbox/linux/probes/attempt.h"

namespace mayfly::sandbox::probes {
namespace {

Result<std::string> user_namespace() {
  TRY(enter_user_namespace());
  return "made one and mapped uid " + std::to_string(::geteuid()) + " into it";
}

Result<std::string> mount_inside() {
  TRY(enter_user_namespace());
  TRY(enter_mount_namespace());
  TRY(sys::mount("tmpfs", kMountPoint, "tmpfs", MS_NOSUID | MS_NODEV, nullptr));
  struct statfs info {};
  if (::statfs(kMountPoint, &info) < 0) return fail(system_error("statfs", errno));
  if (info.f_type != TMPFS_MAGIC) return fail(system_error("the mount does not show", ENOENT));
  return "mounted a tmpfs in a new user and mount namespace";
}

// The kernel refuses a fresh procfs where parts of the one in view are covered
// (mount_too_revealing in fs/namespace.c), as container engines do.
Result<std::string> fresh_procfs() {
  TRY(enter_user_namespace());
  TRY(enter_mount_namespace());
  TRY(sys::unshare(CLONE_NEWPID));
  return attempt_within("", []() -> Result<std::string> {
    TRY(sys::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr));
    if (TRY(sys::readlink("/proc/self")) != "1") {
      return fail(system_error("the new procfs shows the old processes", EXDEV));
    }
    return "mounted one in a new pid namespace";
  });
}

Result<std::string> inner_user_namespace() {
  TRY(enter_user_namespace());
  TRY(enter_mount_namespace());
  return attempt_within("", []() -> Result<std::string> {
    TRY(sys::unshare(CLONE_NEWUSER));
    if (sys::mount("tmpfs", kMountPoint, "tmpfs", 0, nullptr)) {
      return fail(system_error("it can mount in the outer one's mount namespace", EXDEV));
    }
    return "made one inside the first, and it could not mount";
  });
}

Result<std::string> network_namespace() {
  TRY(enter_user_namespace());
  TRY(sys::unshare(CLONE_NEWNET));
  const OwnedFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  struct ifreq request {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) {
    return fail(system_error("ioctl SIOCSIFFLAGS lo", errno));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  char byte = 'x';
  if (::bind(socket.get(), generic, size) < 0 || ::getsockname(socket.get(), generic, &size) < 0 ||
      ::sendto(socket.get(), &byte, 1, 0, generic, size) != 1 ||
      ::recv(socket.get(), &byte, 1, 0) != 1) {
    return fail(system_error("send over the loopback device", errno));
  }
  return "made one, raised its loopback device and sent over it";
}

Result<std::string> other_namespaces() {
  TRY(enter_user_namespace());
  TRY(sys::unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP));
  TRY(sys::sethostname("mayfly"));
  return "made them";
}

// Since Linux 5.14 RLIMIT_NPROC counts the processes of a user namespace; before that those of the
// user on the whole host, and a limit of one call would be exhausted by others.
Result<std::string> process_count() {
  TRY(enter_user_namespace());
  std::deque<Helper> others;
  const auto idle = [] { return ::pause(); };
  for (int i = 0; i < 4; ++i) others.emplace_back(idle);
  return attempt_within("", [&idle]() -> Result<std::string> {
    TRY(sys::unshare(CLONE_NEWUSER));
    constexpr int kLimit = 3;
    TRY(sys::setrlimit(RLIMIT_NPROC, kLimit, kLimit, "RLIMIT_NPROC"));
    std::deque<Helper> inside;
    for (int i = 0; i < kLimit + 2; ++i) {
      inside.emplace_back(idle);
      if (inside.back().pid() > 0) continue;
      if (i == kLimit - 1) return "with a limit of 3 the fourth process was refused (EAGAIN)";
      return fail(system_error("fork " + std::to_string(i + 1) + " of a limit of 3", errno));
    }
    return fail(system_error("more processes ran than RLIMIT_NPROC allows", ERANGE));
  });
}

}  // namespace

std::vector<Row> namespace_rows() {
  const std::vector<Tier> full = {Tier::kFull};
  return {
      {"user_namespaces", "user namespaces", "tier full", full, "", user_namespace,
       user_namespace_remedy},
      {"mounts_inside", "mounts in a user namespace", "tier full", full, "user_namespaces",
       mount_inside, user_namespace_remedy},
      {"fresh_procfs", "fresh procfs", "tier full", full, "mounts_inside", fresh_procfs,
       procfs_remedy},
      {"inner_user_namespace", "user namespace in another", "tier full", full, "mounts_inside",
       inner_user_namespace, user_namespace_remedy},
      {"network_namespace", "network namespace", "tier full", full, "user_namespaces",
       network_namespace, needs_linux("3.8", "CONFIG_NET_NS")},
      {"other_namespaces", "ipc, uts and cgroup namespaces", "tier full", full, "user_namespaces",
       other_namespaces, needs_linux("4.6", "CONFIG_IPC_NS, CONFIG_UTS_NS and CONFIG_CGROUPS")},
      {"process_count", "processes counted by namespace", "the limit on processes", full,
       "inner_user_namespace", process_count, needs_linux("5.14", "")},
  };
}

}  // namespace mayfly::sandbox::probes
