#include "sandbox/linux/memory_watch.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

constexpr milliseconds kInterval{100};

std::string slurp(const std::string& path) {
  constexpr std::size_t kMaxProcFile = 64 * 1024;
  const auto file = sys::open(path, O_RDONLY);
  if (!file) return {};
  auto content = sys::read_file(file->get(), kMaxProcFile);
  return content ? std::move(*content) : std::string();
}

// The value of a line "Name:   123 kB", in bytes.
std::uint64_t kilobytes(const std::string& text, const char* name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + std::char_traits<char>::length(name), nullptr, 10) << 10;
}

// Calls `visit` with "/proc/PID/" of everything but init.
template <typename Visit>
void each_process(Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (proc == nullptr) return;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
    const std::string pid = entry->d_name;
    if (pid != "1") visit("/proc/" + pid + "/");
  }
}

}  // namespace

MemoryWatch::Sum MemoryWatch::sum_own() {
  Sum sum;
  each_process([&sum](const std::string& process) {
    const std::string status = slurp(process + "status");
    sum.bytes +=
        kilobytes(status, "RssAnon:") + kilobytes(status, "VmSwap:") + kilobytes(status, "VmPTE:");
    const std::size_t threads = status.find("Threads:");
    if (threads != std::string::npos) {
      sum.processes += std::strtoull(status.c_str() + threads + 8, nullptr, 10);
    }
  });
  return sum;
}

std::uint64_t MemoryWatch::sum_exact() {
  std::uint64_t bytes = 0;
  each_process([&bytes](const std::string& process) {
    const std::string rollup = slurp(process + "smaps_rollup");
    bytes += kilobytes(rollup, "Pss_Anon:") + kilobytes(rollup, "SwapPss:");
  });
  return bytes;
}

int MemoryWatch::next_sample_ms() const {
  const auto left = std::chrono::duration_cast<milliseconds>(due_ - Clock::now()).count();
  return static_cast<int>(std::clamp<milliseconds::rep>(left + 1, 0, kInterval.count()));
}

MemoryWatch::Verdict MemoryWatch::sample_if_due() {
  if (Clock::now() < due_) return Verdict::kWithin;
  due_ = Clock::now() + kInterval;
  Sum sum = sum_own();
  peak_processes_ = std::max(peak_processes_, sum.processes);
  if (limit_ != 0 && sum.bytes > limit_) sum.bytes = sum_exact();
  peak_bytes_ = std::max(peak_bytes_, sum.bytes);
  return limit_ != 0 && sum.bytes > limit_ ? Verdict::kOver : Verdict::kWithin;
}

}  // namespace mayfly::sandbox
