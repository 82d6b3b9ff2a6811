#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/sys.h"
#include "sandbox/linux/probes/attempt.h"

// Settings are read here only: what a host can do has been found by then, and this chooses what to
// say about it.
namespace mayfly::sandbox::probes {
namespace {

std::string sysctl(const std::string& assignment) {
  return "sudo sysctl -w " + assignment + "; to keep it: echo '" + assignment +
         "' | sudo tee /etc/sysctl.d/90-mayfly.conf";
}

// ENOSPC: one of the limits of namespaces(7), each kind of namespace having its own.
std::string raise_namespace_limit() {
  constexpr long kFew = 64;
  std::string lowest = "user.max_user_namespaces";
  for (const char* kind : {"mnt", "pid", "net", "ipc", "uts", "cgroup", "user"}) {
    const std::string name = std::string("max_") + kind + "_namespaces";
    const std::string value = setting("/proc/sys/user/" + name);
    if (!value.empty() && std::atol(value.c_str()) < kFew) lowest = "user." + name;
  }
  return sysctl(lowest + "=15000") +
         "; if that changes nothing, a container around this one has the limit";
}

std::string own_path() {
  const auto path = sys::readlink("/proc/self/exe");
  return path && path->starts_with('/') ? *path : "/usr/local/bin/mayfly";
}

// Ubuntu 23.10 and later: a program without a profile gets a user namespace that allows nothing.
// `userns` permits that and the profile restricts nothing else.
std::string apparmor_profile() {
  return "printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile mayfly " + own_path() +
         " flags=(unconfined) {\\n  userns,\\n}\\n' | sudo tee /etc/apparmor.d/mayfly && sudo "
         "apparmor_parser -r /etc/apparmor.d/mayfly; for all programs instead: " +
         sysctl("kernel.apparmor_restrict_unprivileged_userns=0");
}

constexpr const char* kContainer =
    "In a container: docker or podman run --security-opt seccomp=unconfined --security-opt "
    "apparmor=unconfined (or a seccomp profile that allows clone, clone3, unshare, mount and their "
    "like); Kubernetes: securityContext.seccompProfile.type: Unconfined";

bool filtered() { return container_probe().detail.find("seccomp filter") != std::string::npos; }

}  // namespace

std::string user_namespace_remedy(const Outcome& outcome) {
  const bool root = ::geteuid() == 0;
  if (outcome.detail.starts_with("setres") || outcome.detail.starts_with("setgroups")) {
    return "This root cannot become another user (a container with few ids?): run Mayfly as an "
           "ordinary user";
  }
  if (outcome.os_errno == ENOSPC || setting("/proc/sys/user/max_user_namespaces") == "0") {
    return raise_namespace_limit();
  }
  if (setting("/proc/sys/kernel/unprivileged_userns_clone") == "0" && !root) {
    return sysctl("kernel.unprivileged_userns_clone=1");
  }
  if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") {
    return apparmor_profile();
  }
  if (filtered()) return kContainer;
  if (outcome.os_errno == EINVAL || outcome.os_errno == ENOSYS) {
    return "Use a kernel with CONFIG_USER_NS";
  }
  return "Ask who hardened this host to allow user namespaces (not in a chroot; SELinux: ausearch "
         "-m avc). " +
         std::string(kContainer);
}

std::string procfs_remedy(const Outcome& outcome) {
  if (outcome.os_errno != EPERM) return user_namespace_remedy(outcome);
  return "Parts of /proc are covered here, as in a container: docker run --security-opt "
         "systempaths=unconfined, podman run --security-opt unmask=ALL, Kubernetes: "
         "securityContext.procMount: Unmasked; or umount what lies below /proc";
}

std::string landlock_remedy(const Outcome& outcome) {
  if (outcome.os_errno == EOPNOTSUPP) {
    const std::string active = setting("/sys/kernel/security/lsm");
    return "Switch it on at boot: kernel command line lsm=landlock," +
           (active.empty() ? "… (the list of /sys/kernel/security/lsm)" : active);
  }
  return needs_linux("5.13", "CONFIG_SECURITY_LANDLOCK")(outcome);
}

std::string cgroup_remedy(const std::string& otherwise) {
  if (!in_container()) return otherwise;
  return "Whoever starts this container has to delegate cgroup v2 to it: a cgroup namespace of its "
         "own, whose file system /sys/fs/cgroup is writable inside (docker and podman mount it "
         "read-only unless told otherwise)";
}

std::string ptrace_remedy(const Outcome& outcome) {
  if (setting("/proc/sys/kernel/yama/ptrace_scope") == "3") {
    return "kernel.yama.ptrace_scope=3 cannot be undone while the machine runs: set 1 or 2 in "
           "/etc/sysctl.d and boot again";
  }
  return needs_linux("5.6", "process_vm_readv and pidfd_getfd")(outcome);
}

std::function<std::string(const Outcome&)> needs_linux(std::string version, std::string calls) {
  return [version = std::move(version), calls = std::move(calls)](const Outcome& outcome) {
    if (outcome.os_errno == ENOSPC) return raise_namespace_limit();
    std::string text = "Use Linux " + version + " or later";
    if (!calls.empty()) text += ", with " + calls;
    if (filtered()) {
      text =
          "In a container, allow it in the seccomp profile (or run it with --security-opt "
          "seccomp=unconfined); else: " +
          text;
    }
    return text;
  };
}

}  // namespace mayfly::sandbox::probes
