#include "sandbox/linux/process_figures.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

std::optional<std::uint64_t> number_after(const std::string& text, const char* name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return std::nullopt;
  return std::strtoull(text.c_str() + at + std::strlen(name), nullptr, 10);
}

// The value of a line "Name:   123 kB", in bytes. `name` begins with the end of the line before:
// the process's own name comes first in the file and may be "RssAnon:0", but a line's end in it
// would be escaped.
std::uint64_t kilobytes(const std::string& text, const char* name) {
  return number_after(text, name).value_or(0) << 10;
}

std::string directory_of(pid_t pid) { return "/proc/" + std::to_string(pid) + "/"; }

std::vector<pid_t> other_threads(pid_t pid) {
  std::vector<pid_t> threads;
  const std::string path = directory_of(pid) + "task";
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(path.c_str()), ::closedir);
  if (list == nullptr) return threads;
  while (const dirent* entry = ::readdir(list.get())) {
    const pid_t thread = std::isdigit(static_cast<unsigned char>(entry->d_name[0])) != 0
                             ? static_cast<pid_t>(std::atoi(entry->d_name))
                             : pid;
    if (thread != pid) threads.push_back(thread);
  }
  return threads;
}

// Of a thread's directory. False: the thread is gone.
//
// The files of a process that is not dumpable belong to root, so init may not open them. The filter
// keeps processes from asking for that (keep_dumpable), but executing a file that one may not read
// has the same effect (would_dump, fs/exec.c) and cannot be told beforehand. Init and its helpers
// are not dumpable either; they have no filter.
bool read_figures(pid_t thread, ProcessFigures& figures) {
  figures.directory = directory_of(thread);
  figures.written = parse_io(slurp(figures.directory + "io"));
  // In this order: who still has memory now was not about to end a moment ago.
  const std::string status = slurp(figures.directory + "status");
  figures.memory = parse_status(status);
  figures.hidden = !figures.written.has_value() && figures.memory.has_value() &&
                   number_after(status, "\nSeccomp:").value_or(0) != 0;
  return !status.empty();
}

}  // namespace

std::string slurp(const std::string& path) {
  constexpr std::size_t kMaxProcFile = 64 * 1024;
  const auto file = sys::open(path, O_RDONLY);
  if (!file) return {};
  auto content = sys::read_file(file->get(), kMaxProcFile);
  return content ? std::move(*content) : std::string();
}

// Fields of /proc/PID/stat, counted from 1 as in proc(5). The second is a name that may hold
// anything, a ')' too.
std::optional<ProcessStat> parse_stat(const std::string& text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::array<std::uint64_t, 23> field{};
  const char* at = text.c_str() + std::min(name_end + 4, text.size());  // behind the state
  for (std::size_t i = 4; i < field.size(); ++i) {
    char* end = nullptr;
    field[i] = std::strtoull(at, &end, 10);
    if (end == at) return std::nullopt;
    at = end;
  }
  static const auto tick_us = 1'000'000ULL / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  ProcessStat stat;
  stat.parent = static_cast<pid_t>(field[4]);
  stat.user = (field[14] + field[16]) * tick_us;
  stat.system = (field[15] + field[17]) * tick_us;
  stat.threads = field[20];
  stat.born = field[22];
  return stat;
}

std::optional<ProcessStat> stat_of(pid_t pid) {
  return parse_stat(slurp(directory_of(pid) + "stat"));
}

std::optional<MemoryFigures> parse_status(const std::string& text) {
  if (text.find("\nRssAnon:") == std::string::npos) return std::nullopt;
  return MemoryFigures{kilobytes(text, "\nRssAnon:") + kilobytes(text, "\nVmSwap:"),
                       kilobytes(text, "\nRssShmem:"), kilobytes(text, "\nVmPTE:")};
}

std::optional<MemoryFigures> parse_rollup(const std::string& text) {
  if (text.find("\nPss_Anon:") == std::string::npos) return std::nullopt;
  return MemoryFigures{kilobytes(text, "\nPss_Anon:") + kilobytes(text, "\nSwapPss:"),
                       kilobytes(text, "\nPss_Shmem:"), 0};
}

std::optional<std::uint64_t> parse_io(const std::string& text) {
  const auto written = number_after(text, "\nwrite_bytes: ");
  if (!written.has_value()) return std::nullopt;
  const auto cancelled = number_after(text, "\ncancelled_write_bytes: ").value_or(0);
  return *written - std::min(*written, cancelled);
}

ProcessFigures figures_of(pid_t pid, const ProcessStat& stat) {
  ProcessFigures figures;
  read_figures(pid, figures);
  if (figures.memory.has_value() || stat.threads < 2) return figures;
  // The main thread is dead. Any other tells of the whole process in /proc/TID (which is not
  // listed; /proc/PID/task/TID would tell of the thread alone), unless it ends as well. A process
  // whose threads follow each other so fast that none is ever met is hiding.
  constexpr int kLooks = 6;
  constexpr int kEndings = 2;
  int endings = 0;
  for (int look = 0; look < kLooks; ++look) {
    bool some_went = false;
    for (const pid_t thread : other_threads(pid)) {
      some_went = !read_figures(thread, figures) || some_went;
      if (figures.memory.has_value()) return figures;
    }
    if (!some_went && ++endings == kEndings) return figures;
  }
  figures.hidden = true;
  return figures;
}

}  // namespace mayfly::sandbox
