#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace mayfly::sandbox {

// What /proc tells of one process. The process is hostile: its name may be chosen to look like a
// figure, its main thread may be dead, its files in /proc may not be for us.

struct ProcessStat {
  pid_t parent = 0;
  std::uint64_t user = 0;  // microseconds, with those of children that were waited for
  std::uint64_t system = 0;
  std::uint64_t threads = 0;
  std::uint64_t born = 0;
};
std::optional<ProcessStat> parse_stat(const std::string& text);
std::optional<ProcessStat> stat_of(pid_t pid);

struct MemoryFigures {
  std::uint64_t anonymous = 0;  // bytes, with what is swapped out
  std::uint64_t shared = 0;
  std::uint64_t tables = 0;  // page tables
};
// From /proc/PID/status. Nothing: it has no memory (any more).
std::optional<MemoryFigures> parse_status(const std::string& text);
// From /proc/PID/smaps_rollup, which does not tell of page tables.
std::optional<MemoryFigures> parse_rollup(const std::string& text);
// Bytes sent to storage, less those taken back. Nothing: `text` is not from /proc/PID/io.
std::optional<std::uint64_t> parse_io(const std::string& text);

struct ProcessFigures {
  std::string directory;  // where its figures are: that of a living thread
  std::optional<MemoryFigures> memory;
  std::optional<std::uint64_t> written;
  bool hidden = false;  // it goes on, and what it writes cannot be read
};
ProcessFigures figures_of(pid_t pid, const ProcessStat& stat);

// Up to 64 KiB of a file, or nothing.
std::string slurp(const std::string& path);

}  // namespace mayfly::sandbox
