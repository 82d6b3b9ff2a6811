// Attack 2 and 12: writing where everything is to be read only, and making it writable first.
#include <dirent.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "victim.h"

using namespace mayfly::victim;

namespace {

struct Mount {
  std::string path;
  bool read_only;
  bool directory;
};

std::vector<Mount> mounts() {
  std::vector<Mount> found;
  std::ifstream table("/proc/self/mounts");
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string source, path, type, options;
    fields >> source >> path >> type >> options;
    struct stat info {};
    if (stat(path.c_str(), &info) < 0) continue;
    found.push_back(
        {path, ("," + options + ",").find(",ro,") != std::string::npos, S_ISDIR(info.st_mode)});
  }
  return found;
}

std::string some_file_in(const std::string& directory) {
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return directory;
  std::string file = directory;
  while (const dirent* entry = readdir(stream)) {
    if (entry->d_type != DT_REG) continue;
    file = directory + "/" + entry->d_name;
    break;
  }
  closedir(stream);
  return file;
}

void attack(Victim& victim, const std::string& path, Alone alone) {
  const std::string made = path + "/mayfly-victim";
  const std::string file = some_file_in(path);
  const auto attempt = [&](const std::string& what, auto action) {
    victim.attempt(path + ": " + what, alone, action);
  };
  attempt("create",
          [&] { return must_fail(open(made.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644)); });
  attempt("mkdir", [&] { return must_fail(mkdir((made + ".d").c_str(), 0755)); });
  attempt("symlink", [&] { return must_fail(symlink("/", (made + ".l").c_str())); });
  attempt("mknod", [&] { return must_fail(mknod((made + ".p").c_str(), S_IFIFO | 0644, 0)); });
  attempt("unnamed file",
          [&] { return must_fail(open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0644)); });
  attempt("chmod", [&] { return must_fail(chmod(path.c_str(), 0700)); });
  attempt("chmod a file", [&] { return must_fail(chmod(file.c_str(), 0700)); });
  attempt("utimes", [&] { return must_fail(utimensat(AT_FDCWD, file.c_str(), nullptr, 0)); });
  if (file == path) return;
  attempt("open for writing", [&] { return must_fail(open(file.c_str(), O_WRONLY | O_CLOEXEC)); });
  attempt("truncate", [&] { return must_fail(truncate(file.c_str(), 0)); });
  attempt("rename", [&] { return must_fail(rename(file.c_str(), made.c_str())); });
  attempt("unlink",
          [&] { return must_fail(unlink(victim.in_control() ? made.c_str() : file.c_str())); });
}

long set_attributes(const std::string& path, unsigned flags) {
  mount_attr attributes{};
  attributes.attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  return syscall(SYS_mount_setattr, AT_FDCWD, path.c_str(), flags, &attributes, sizeof attributes);
}

}  // namespace

int main() {
  Victim victim;
  if (victim.in_control()) {
    attack(victim, setting("VICTIM_WRITABLE"), Alone::kSucceeds);
    return victim.result();
  }
  for (const Mount& mount : mounts()) {
    const std::string& path = mount.path;
    if (mount.read_only && mount.directory) attack(victim, path, Alone::kDangerous);
    victim.attempt(path + ": remount", Alone::kDangerous, [&] {
      return must_fail(::mount(nullptr, path.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr));
    });
    victim.attempt(path + ": mount_setattr", Alone::kDangerous,
                   [&] { return must_fail(set_attributes(path, AT_RECURSIVE)); });
    victim.attempt(path + ": umount", Alone::kDangerous,
                   [&] { return must_fail(umount2(path.c_str(), MNT_DETACH)); });
  }
  attack(victim, "/etc", Alone::kDangerous);
  attack(victim, "/usr/bin", Alone::kDangerous);
  // Attack 28. Nothing to write a release_agent to.
  victim.attempt("a control group's files", Alone::kDangerous, [] {
    std::ifstream table("/proc/self/mountinfo");
    for (std::string line; std::getline(table, line);) {
      if (line.find(" - cgroup") != std::string::npos ||
          line.find(" - sysfs") != std::string::npos ||
          line.find(" - debugfs") != std::string::npos ||
          line.find(" - securityfs") != std::string::npos) {
        return succeeded(line);
      }
    }
    return must_fail(access("/sys/fs/cgroup", F_OK));
  });
  for (const char* type :
       {"cgroup", "cgroup2", "sysfs", "proc", "tmpfs", "overlay", "devtmpfs", "mqueue"}) {
    victim.attempt(std::string("mount a ") + type, Alone::kDangerous, [&] {
      return must_fail(
          ::mount("none", "/tmp", type, 0, strcmp(type, "cgroup") == 0 ? "memory" : nullptr));
    });
  }
  for (const char* path : {"/proc/sys/kernel/core_pattern",
                           "/proc/sys/kernel/modprobe",
                           "/proc/sys/kernel/hostname",
                           "/proc/sys/vm/overcommit_memory",
                           "/proc/sys/fs/binfmt_misc/register",
                           "/proc/sys/net/ipv4/ip_forward",
                           "/proc/sysrq-trigger",
                           "/proc/kmsg",
                           "/proc/self/oom_score_adj",
                           "/proc/self/uid_map",
                           "/proc/self/setgroups",
                           "/proc/self/attr/current",
                           "/sys/kernel/uevent_helper",
                           "/sys/fs/cgroup/cgroup.procs",
                           "/dev/kmsg",
                           "/dev/mem",
                           "/dev/port",
                           "/dev/sda",
                           "/dev/vda",
                           "/dev/fuse",
                           "/dev/net/tun",
                           "/dev/kvm",
                           "/dev/loop0",
                           "/dev/vsock"}) {
    victim.attempt(std::string("write ") + path, Alone::kDangerous, [&] {
      const int file = open(path, O_WRONLY | O_CLOEXEC);
      // A covered file is /dev/null: what is written there is gone.
      struct stat info {};
      if (file >= 0 && fstat(file, &info) == 0 && S_ISCHR(info.st_mode)) return blocked("covered");
      return must_fail(file);
    });
  }
  return victim.result();
}
