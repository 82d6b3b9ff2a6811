// Prints everything that a process can see of itself and of where it is, as one JSON value. It runs
// in a sandbox; posture.py compares the whole value with the expected one.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

extern char** environ;

namespace {

using nlohmann::json;

std::string link_of(const std::string& path) {
  char target[4096];
  const ssize_t size = readlink(path.c_str(), target, sizeof target);
  return size < 0 ? std::string(strerrorname_np(errno)) : std::string(target, static_cast<std::size_t>(size));
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string text_of(const std::string& path) {
  std::string text;
  for (const std::string& line : lines_of(path)) text += (text.empty() ? "" : "\n") + line;
  return text;
}

std::vector<std::string> entries(const std::string& directory) {
  std::vector<std::string> names;
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return {strerrorname_np(errno)};
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

// The rows of /proc/self/status that say what a process may do.
json status() {
  json rows;
  for (const std::string& line : lines_of("/proc/self/status")) {
    const std::size_t colon = line.find(':');
    const std::string name = line.substr(0, colon);
    for (const char* wanted : {"Umask", "TracerPid", "Uid", "Gid", "Groups", "SigPnd", "ShdPnd", "SigBlk", "SigIgn",
                               "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
                               "Seccomp", "Seccomp_filters"}) {
      if (name != wanted) continue;
      std::istringstream fields(line.substr(colon + 1));
      std::string text;
      for (std::string field; fields >> field;) text += (text.empty() ? "" : " ") + field;
      rows[name] = text;
    }
  }
  return rows;
}

json namespaces() {
  json ids;
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}) {
    ids[name] = link_of(std::string("/proc/self/ns/") + name);
  }
  return ids;
}

// Each mount: where, what of which file system, options. Numbers and the host's disks vary.
json mounts() {
  json table = json::array();
  for (const std::string& line : lines_of("/proc/self/mountinfo")) {
    std::istringstream fields(line);
    std::string id, parent, device, root, path, options, optional, type;
    fields >> id >> parent >> device >> root >> path >> options;
    std::string propagation;
    while (fields >> optional && optional != "-") propagation += " " + optional;
    fields >> type;
    std::string source, super;
    fields >> source >> super;
    table.push_back({{"path", path}, {"type", type}, {"root", root}, {"options", options + propagation},
                     {"super", type == "tmpfs" || type == "proc" || type == "devpts" ? super : ""}});
  }
  return table;
}

json descriptors() {
  json kinds;
  for (int fd = 0; fd < 1024; ++fd) {
    struct stat info {};
    if (fstat(fd, &info) < 0) continue;
    const char* kind = S_ISFIFO(info.st_mode)   ? "pipe"
                       : S_ISSOCK(info.st_mode) ? "socket"
                       : S_ISCHR(info.st_mode)  ? "device"
                       : S_ISDIR(info.st_mode)  ? "directory"
                                                : "file";
    const int access = fcntl(fd, F_GETFL) & O_ACCMODE;
    const char* ways[] = {"read", "write", "read and write"};
    kinds[std::to_string(fd)] = std::string(kind) + ", " + ways[access] +
                                (S_ISCHR(info.st_mode) ? " " + link_of("/proc/self/fd/" + std::to_string(fd)) : "");
  }
  return kinds;
}

json limits() {
  constexpr const char* kNames[] = {"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock",
                                    "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};
  const auto text = [](rlim_t value) { return value == RLIM_INFINITY ? "unlimited" : std::to_string(value); };
  json values;
  for (int i = 0; i < 16; ++i) {
    struct rlimit limit {};
    getrlimit(static_cast<__rlimit_resource>(i), &limit);
    values[kNames[i]] = text(limit.rlim_cur) + " " + text(limit.rlim_max);
  }
  return values;
}

json environment() {
  json values = json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string pair = *entry;
    values[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
  }
  return values;
}

json dispositions() {
  json changed = json::object();
  for (int number = 1; number < 65; ++number) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) < 0 || action.sa_handler == SIG_DFL) continue;
    changed[std::to_string(number)] = action.sa_handler == SIG_IGN ? "ignored" : "handled";
  }
  return changed;
}

std::string controlling_terminal() {
  const int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  return terminal < 0 ? strerrorname_np(errno) : "there is one";
}

json process() {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  cpu_set_t processors;
  sched_getaffinity(0, sizeof processors, &processors);
  return {{"pid", getpid()},
          {"parent", getppid()},
          {"session", getsid(0)},
          {"group", getpgrp()},
          {"working directory", link_of("/proc/self/cwd")},
          {"root", link_of("/proc/self/root")},
          {"hostname", host},
          {"dumpable", prctl(PR_GET_DUMPABLE)},
          {"securebits", prctl(PR_GET_SECUREBITS)},
          {"personality", personality(0xffffffff)},
          {"parent-death signal", [] { int signal = 0; prctl(PR_GET_PDEATHSIG, &signal); return signal; }()},
          {"timer slack", prctl(PR_GET_TIMERSLACK)},
          {"child subreaper", [] { int is = 0; prctl(PR_GET_CHILD_SUBREAPER, &is); return is; }()},
          {"nice", getpriority(PRIO_PROCESS, 0)},
          {"scheduler", sched_getscheduler(0)},
          {"oom_score_adj", text_of("/proc/self/oom_score_adj")},
          {"coredump_filter", text_of("/proc/self/coredump_filter")},
          {"loginuid", text_of("/proc/self/loginuid")},
          {"controlling terminal", controlling_terminal()},
          {"cgroup", lines_of("/proc/self/cgroup")},
          {"uid_map", text_of("/proc/self/uid_map")},
          {"gid_map", text_of("/proc/self/gid_map")},
          {"setgroups", text_of("/proc/self/setgroups")},
          {"processes seen", [] {
             std::vector<std::string> numbers;
             for (const std::string& name : entries("/proc")) {
               if (isdigit(static_cast<unsigned char>(name[0])) != 0) numbers.push_back(name);
             }
             return numbers;
           }()},
          {"network interfaces", [] {
             std::vector<std::string> names;
             for (const std::string& line : lines_of("/proc/net/dev")) {
               if (line.find('|') != std::string::npos) continue;
               const std::string name = line.substr(0, line.find(':'));
               names.push_back(name.substr(name.find_first_not_of(' ')));
             }
             return names;
           }()}};
}

// Layers of Landlock above us are among the sixteen that there may be (landlock(7)).
int landlock_layers_above() {
  const pid_t child = fork();
  if (child == 0) {
    int own = 0;
    while (own < 16) {
      const std::uint64_t execute[] = {1};
      const int ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, execute, sizeof execute, 0));
      if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) break;
      ++own;
    }
    _exit(16 - own);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

json landlock() {
  return {{"ABI", syscall(SYS_landlock_create_ruleset, nullptr, 0, 1)},
          {"layers above", landlock_layers_above()},
          {"signal to process 1", kill(1, 0) == 0 ? "allowed" : strerrorname_np(errno)}};
}

}  // namespace

int main() {
  json all;
  all["environment"] = environment();
  all["descriptors"] = descriptors();  // before anything is opened that stays open
  all["signals with a disposition"] = dispositions();
  all["status"] = status();
  all["namespaces"] = namespaces();
  all["limits"] = limits();
  all["landlock"] = landlock();
  all["process"] = process();
  all["mounts"] = mounts();
  all["root directory"] = entries("/");
  all["devices"] = entries("/dev");
  all["accounts"] = lines_of("/etc/passwd");
  std::cout << all.dump() << "\n";
  return 0;
}
