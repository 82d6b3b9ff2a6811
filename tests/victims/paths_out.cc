// Attacks 3, 4 and 14: out of the root by links, "..", /proc and handles.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "victim.h"

using namespace mayfly::victim;

namespace {

// A file of the host below its root, with this text in it. Paths are relative to a root.
Outcome reads_sentinel(const std::string& root) {
  std::ifstream file(root + setting("VICTIM_SENTINEL"));
  std::string line;
  if (std::getline(file, line)) return succeeded("read: " + line);
  return blocked();
}

Outcome lists_processes_of_the_host(const std::string& directory) {
  // The runner is a process of the host and told us its number.
  std::ifstream file(directory + "/" + setting("VICTIM_HOST_PID") + "/cmdline");
  std::string text;
  std::getline(file, text);
  if (text.find("attack.py") != std::string::npos) return succeeded("sees the runner");
  return blocked("not seen");
}

Outcome symlink_out(const std::string& name, const std::string& target) {
  unlink(name.c_str());
  if (symlink(target.c_str(), name.c_str()) < 0) return blocked("symlink: " + errno_text(errno));
  Outcome outcome = reads_sentinel(name);
  unlink(name.c_str());
  return outcome;
}

}  // namespace

int main() {
  Victim victim;
  victim.attempt("a link to /", Alone::kSucceeds, [] { return symlink_out("link", "/"); });
  std::string up = "/..";
  for (int i = 0; i < 40; ++i) up += "/..";
  victim.attempt("a link to ../../..", Alone::kSucceeds, [&] { return symlink_out("link", "." + up); });
  victim.attempt("a chain of ..", Alone::kSucceeds, [&] { return reads_sentinel("." + up); });
  victim.attempt("/proc/self/root", Alone::kSucceeds, [] { return reads_sentinel("/proc/self/root"); });
  for (const char* which : {"root", "cwd", "fd/0", "fd/1", "fd/2", "fd/3", "fd/4", "fd/5", "fd/6"}) {
    for (const char* process : {"1", "self", "thread-self"}) {
      const std::string path = std::string("/proc/") + process + "/" + which;
      victim.attempt(path + "/../..", Alone::kUncertain,
                     [&] { return reads_sentinel(path + "/../../../../../../../.."); });
      victim.attempt(path + " as /proc", Alone::kUncertain,
                     [&] { return lists_processes_of_the_host(path); });
    }
  }
  victim.attempt("the working directory that we were started in", Alone::kUncertain,
                 [] { return lists_processes_of_the_host("."); });
  for (const char* file : {"mem", "environ", "maps", "auxv", "exe", "cwd", "root", "fd", "ns/mnt", "stack", "syscall"}) {
    const std::string path = std::string("/proc/1/") + file;
    victim.attempt(path, Alone::kUncertain, [&] {
      char link[256];
      if (readlink(path.c_str(), link, sizeof link) >= 0) return succeeded("a link that can be read");
      const int opened = open(path.c_str(), O_RDONLY | O_CLOEXEC);
      char byte = 0;
      if (opened < 0) return blocked();
      if (strcmp(file, "fd") == 0) return succeeded("a directory that can be read");
      return must_fail(read(opened, &byte, 1) <= 0 ? -1 : 1);
    });
  }
  victim.attempt("open_by_handle_at", Alone::kSucceeds, [] {
    struct file_handle handle {};
    handle.handle_bytes = 4096;  // too large: EINVAL once the kernel looks at it
    return probe(open_by_handle_at(AT_FDCWD, &handle, O_RDONLY));
  });
  victim.attempt("name_to_handle_at", Alone::kSucceeds, [] {
    return probe(name_to_handle_at(AT_FDCWD, "/", nullptr, nullptr, 0));
  });
  victim.attempt("chroot to leave by ..", Alone::kSucceeds, [&] {
    mkdir("jail", 0755);
    const int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (chroot("jail") < 0) return blocked();
    if (fchdir(here) < 0) return blocked();
    return reads_sentinel("." + up);
  });
  victim.attempt("pivot_root", Alone::kUncertain, [] { return probe(syscall(SYS_pivot_root, nullptr, nullptr)); });
  victim.attempt("process_vm_readv of init", Alone::kUncertain, [] {
    char here[8];
    struct iovec to {here, sizeof here};
    struct iovec from {&to, sizeof here};
    return must_fail(process_vm_readv(1, &to, 1, &from, 1, 0) > 0 ? 1 : -1);
  });
  return victim.result();
}
