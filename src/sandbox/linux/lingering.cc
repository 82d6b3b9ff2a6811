#include "sandbox/linux/lingering.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "base/sys.h"
#include "base/text.h"

namespace mayfly::sandbox {
namespace {

struct Process {
  pid_t parent = 0;
  bool ended = false;
  Lingering seen;
};

// Of "PID (NAME) STATE PPID …" (proc_pid_stat(5)); the name may hold anything, so from its end.
std::optional<Process> parse_stat(const std::string& text) {
  constexpr int kThreads = 20;
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 4 > text.size()) {
    return std::nullopt;
  }
  Process process;
  process.seen.pid = std::atoll(text.c_str());
  process.seen.name = text::one_line(text.substr(open + 1, close - open - 1));
  process.seen.state = text.substr(close + 2, 1);
  process.parent = std::atoi(text.c_str() + close + 4);
  std::istringstream fields(text.substr(close + 4));
  std::string field;
  for (int number = 4; number <= kThreads; ++number) fields >> field;
  // A main thread that has ended is a zombie too, while others go on.
  process.ended = process.seen.state == "Z" && std::atoi(field.c_str()) <= 1;
  return process;
}

std::map<pid_t, Process> all_processes() {
  constexpr std::size_t kMaxStat = 4096;
  std::map<pid_t, Process> processes;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (proc == nullptr) return processes;
  while (const dirent* entry = ::readdir(proc.get())) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    const auto file = sys::open(std::string("/proc/") + entry->d_name + "/stat", O_RDONLY);
    if (!file) continue;
    const auto text = sys::read_file(file->get(), kMaxStat);
    if (!text) continue;
    if (auto process = parse_stat(*text)) processes[pid] = *std::move(process);
  }
  return processes;
}

}  // namespace

std::vector<Lingering> find_lingering(pid_t root) {
  constexpr std::size_t kMost = 20;
  const std::map<pid_t, Process> processes = all_processes();
  std::set<pid_t> family = {root};
  for (std::size_t before = 0; before != family.size();) {
    before = family.size();
    for (const auto& [pid, process] : processes) {
      if (family.count(process.parent) > 0) family.insert(pid);
    }
  }
  std::vector<Lingering> lingering;
  for (const pid_t pid : family) {
    const auto found = processes.find(pid);
    if (found == processes.end() || found->second.ended) continue;
    if (lingering.size() < kMost) lingering.push_back(found->second.seen);
  }
  return lingering;
}

}  // namespace mayfly::sandbox
