#include "sandbox/linux/memory_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>

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

// Calls `visit` with "/proc/PID/" of everything but init. False if they cannot be listed.
template <typename Visit>
bool each_process(Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (proc == nullptr) return false;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
    const std::string pid = entry->d_name;
    if (pid != "1") visit("/proc/" + pid + "/");
  }
  return true;
}

}  // namespace

std::uint64_t MemoryWatch::temporary_bytes() const {
  std::uint64_t bytes = 0;
  for (const std::string& path : temporary_directories_) {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) == 0)
      bytes += (info.f_blocks - info.f_bfree) * info.f_frsize;
  }
  return bytes;
}

std::optional<MemoryWatch::Sum> MemoryWatch::sum_quickly() const {
  Sum sum;
  std::uint64_t shared = 0;
  const bool listed = each_process([&](const std::string& process) {
    const std::string status = slurp(process + "status");
    sum.bytes +=
        kilobytes(status, "RssAnon:") + kilobytes(status, "VmSwap:") + kilobytes(status, "VmPTE:");
    shared += kilobytes(status, "RssShmem:");
    const std::size_t threads = status.find("Threads:");
    if (threads != std::string::npos) {
      sum.processes += std::strtoull(status.c_str() + threads + 8, nullptr, 10);
    }
  });
  if (!listed) return std::nullopt;
  // Mapped files of a temporary directory are in both figures, and cannot be told from others.
  sum.bytes += std::max(shared, temporary_bytes());
  return sum;
}

std::optional<std::uint64_t> MemoryWatch::sum_exactly() const {
  std::uint64_t bytes = 0;
  std::uint64_t shared = 0;
  const bool listed = each_process([&](const std::string& process) {
    const std::string rollup = slurp(process + "smaps_rollup");
    bytes += kilobytes(rollup, "Pss_Anon:") + kilobytes(rollup, "SwapPss:");
    shared += kilobytes(rollup, "Pss_Shmem:");
  });
  if (!listed) return std::nullopt;
  return bytes + std::max(shared, temporary_bytes());
}

int MemoryWatch::next_sample_ms() const {
  const auto left = std::chrono::duration_cast<milliseconds>(due_ - Clock::now()).count();
  return static_cast<int>(std::clamp<milliseconds::rep>(left + 1, 0, kInterval.count()));
}

MemoryWatch::Verdict MemoryWatch::sample_if_due() {
  if (Clock::now() < due_) return Verdict::kWithin;
  due_ = Clock::now() + kInterval;
  const std::optional<Sum> quick = sum_quickly();
  if (!quick.has_value()) return limit_ != 0 ? Verdict::kOver : Verdict::kWithin;
  peak_processes_ = std::max(peak_processes_, quick->processes);
  std::uint64_t bytes = quick->bytes;
  if (limit_ != 0 && bytes > limit_) {
    const std::optional<std::uint64_t> exact = sum_exactly();
    if (!exact.has_value()) return Verdict::kOver;
    bytes = *exact;
  }
  peak_bytes_ = std::max(peak_bytes_, bytes);
  return limit_ != 0 && bytes > limit_ ? Verdict::kOver : Verdict::kWithin;
}

}  // namespace mayfly::sandbox
