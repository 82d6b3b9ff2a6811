#include "sandbox/linux/usage_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

constexpr milliseconds kInterval{100};
constexpr pid_t kInit = 1;

std::string slurp(const std::string& path) {
  constexpr std::size_t kMaxProcFile = 64 * 1024;
  const auto file = sys::open(path, O_RDONLY);
  if (!file) return {};
  auto content = sys::read_file(file->get(), kMaxProcFile);
  return content ? std::move(*content) : std::string();
}

// The number that follows `name`.
std::uint64_t number_after(const std::string& text, const char* name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + std::strlen(name), nullptr, 10);
}

// The value of a line "Name:   123 kB", in bytes.
std::uint64_t kilobytes(const std::string& text, const char* name) {
  return number_after(text, name) << 10;
}

// Calls `visit` with the number and "/proc/PID/" of everything, init included. False if they cannot
// be listed.
template <typename Visit>
bool each_process(Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (proc == nullptr) return false;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
    const std::string pid = entry->d_name;
    visit(static_cast<pid_t>(std::atoi(pid.c_str())), "/proc/" + pid + "/");
  }
  return true;
}

struct Stat {
  pid_t parent = 0;
  std::uint64_t user = 0;  // microseconds, with those of children that were waited for
  std::uint64_t system = 0;
  std::uint64_t threads = 0;
  std::uint64_t born = 0;
};

// Fields of /proc/PID/stat, counted from 1 as in proc(5). The second is a name that may hold
// anything, a ')' too.
std::optional<Stat> parse_stat(const std::string& text) {
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
  Stat stat;
  stat.parent = static_cast<pid_t>(field[4]);
  stat.user = (field[14] + field[16]) * tick_us;
  stat.system = (field[15] + field[17]) * tick_us;
  stat.threads = field[20];
  stat.born = field[22];
  return stat;
}

std::uint64_t storage_bytes(const std::string& process) {
  const std::string io = slurp(process + "io");
  const std::uint64_t written = number_after(io, "\nwrite_bytes: ");
  return written - std::min(written, number_after(io, "cancelled_write_bytes: "));
}

// Process numbers are handed out one after the other, so the last one tells how many there were
// (until they come round, at 4 million).
std::uint64_t last_pid() {
  const std::string text = slurp("/proc/loadavg");
  const std::size_t space = text.rfind(' ');
  return space == std::string::npos ? 0 : std::strtoull(text.c_str() + space, nullptr, 10);
}

}  // namespace

void Tally::take(const std::vector<Reading>& readings) {
  std::map<pid_t, Reading> now;
  std::map<pid_t, std::uint64_t> growth;
  std::uint64_t sum = 0;
  for (const Reading& reading : readings) {
    now[reading.pid] = reading;
    sum += reading.value;
    const auto before = last_.find(reading.pid);
    const bool same = before != last_.end() && before->second.born == reading.born;
    const std::uint64_t was = same ? before->second.value : 0;
    growth[reading.pid] = reading.value - std::min(was, reading.value);
  }
  // Whoever waited for a child has grown by at least as much as the child had.
  const auto claimed_by = [&growth](pid_t pid, std::uint64_t value) {
    const auto found = growth.find(pid);
    if (found == growth.end() || found->second < value) return false;
    found->second -= value;
    return true;
  };
  for (const auto& [pid, gone] : last_) {
    const auto still = now.find(pid);
    if (gone.value == 0 || (still != now.end() && still->second.born == gone.born)) continue;
    bool claimed = claimed_by(gone.parent, gone.value) || claimed_by(kInit, gone.value);
    for (auto other = growth.begin(); !claimed && other != growth.end(); ++other) {
      claimed = claimed_by(other->first, gone.value);
    }
    if (!claimed) unclaimed_ += gone.value;
  }
  last_ = std::move(now);
  total_ = std::max(total_, sum + unclaimed_);
}

Result<std::vector<TemporaryDirectory>> temporary_directories(const RootPlan& root) {
  std::vector<TemporaryDirectory> found;
  for (auto at = root.call_ops.begin(); at != root.call_ops.end(); ++at) {
    const CallOp& op = *at;
    if (op.kind != CallOpKind::kTmpfs) continue;
    const bool covered = std::any_of(at, root.call_ops.end(), [&op](const CallOp& later) {
      return later.kind == CallOpKind::kMount && is_within(op.target, later.target);
    });
    if (covered) continue;  // its path leads to a directory of the host's
    TemporaryDirectory one;
    one.directory = TRY(sys::open(op.target, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    one.device = TRY(sys::fstat(one.directory.get())).st_dev;
    found.push_back(std::move(one));
  }
  return found;
}

UsageWatch::UsageWatch(const CallPlan& call, const std::vector<TemporaryDirectory>& temporary,
                       LedgerWriter& ledger)
    : limits_(call.limits),
      watch_memory_(call.watch_memory),
      watch_cpu_(call.watch_cpu),
      temporary_(temporary),
      ledger_(ledger) {}

struct UsageWatch::Sample {
  std::vector<Tally::Reading> user;
  std::vector<Tally::Reading> system;
  std::vector<Tally::Reading> written;
  std::uint64_t memory = 0;
  std::uint64_t shared = 0;
  std::uint64_t processes = 0;
};

std::optional<UsageWatch::Sample> UsageWatch::look() const {
  Sample sample;
  const bool listed = each_process([&](pid_t pid, const std::string& process) {
    const std::optional<Stat> stat = parse_stat(slurp(process + "stat"));
    if (!stat.has_value()) return;  // it has just ended
    sample.user.push_back({pid, stat->parent, stat->born, stat->user});
    sample.system.push_back({pid, stat->parent, stat->born, stat->system});
    sample.written.push_back({pid, stat->parent, stat->born, storage_bytes(process)});
    if (pid == kInit) return;
    sample.processes += stat->threads;
    if (!watch_memory_) return;
    const std::string status = slurp(process + "status");
    sample.memory +=
        kilobytes(status, "RssAnon:") + kilobytes(status, "VmSwap:") + kilobytes(status, "VmPTE:");
    sample.shared += kilobytes(status, "RssShmem:");
  });
  if (!listed) return std::nullopt;
  return sample;
}

std::optional<std::uint64_t> UsageWatch::exact_memory() const {
  std::uint64_t bytes = 0;
  std::uint64_t shared = 0;
  const bool listed = each_process([&](pid_t pid, const std::string& process) {
    if (pid == kInit) return;
    const std::string rollup = slurp(process + "smaps_rollup");
    bytes += kilobytes(rollup, "Pss_Anon:") + kilobytes(rollup, "SwapPss:");
    shared += kilobytes(rollup, "Pss_Shmem:");
  });
  if (!listed) return std::nullopt;
  return bytes + std::max(shared, in_memory_);
}

std::uint64_t UsageWatch::temporary_bytes() const {
  std::uint64_t bytes = 0;
  for (const TemporaryDirectory& one : temporary_) {
    struct statvfs info {};
    if (::fstatvfs(one.directory.get(), &info) == 0) {
      bytes += (info.f_blocks - info.f_bfree) * info.f_frsize;
    }
  }
  return bytes;
}

std::uint64_t UsageWatch::disk_bytes() const { return written_.total() + reserved_ + in_memory_; }

int UsageWatch::next_sample_ms() const {
  const auto left = std::chrono::duration_cast<milliseconds>(due_ - Clock::now()).count();
  return static_cast<int>(std::clamp<milliseconds::rep>(left + 1, 0, 60'000));
}

UsageWatch::Verdict UsageWatch::sample_if_due() {
  const TimePoint began = Clock::now();
  if (began < due_) return Verdict::kWithin;
  const Verdict verdict = sample();
  const TimePoint now = Clock::now();
  constexpr int kShareOfOneCpu = 10;
  due_ = now + std::max<Clock::duration>(kInterval, (now - began) * kShareOfOneCpu);
  return verdict;
}

void UsageWatch::publish() {
  usage_.disk_bytes = std::max(usage_.disk_bytes, disk_bytes());
  usage_.user_us = user_.total();
  usage_.system_us = system_.total();
  usage_.forks = std::max(usage_.forks, last_pid());
  ledger_.raise(usage_);
}

UsageWatch::Verdict UsageWatch::sample() {
  sampled_ = true;
  const std::optional<Sample> sample = look();
  if (!sample.has_value()) return Verdict::kOverMemory;
  in_memory_ = temporary_bytes();
  user_.take(sample->user);
  system_.take(sample->system);
  written_.take(sample->written);
  usage_.peak_processes = std::max(usage_.peak_processes, sample->processes);
  Verdict verdict = Verdict::kWithin;
  if (watch_memory_) {
    // Mapped files of a temporary directory are in both figures, and cannot be told from others.
    std::uint64_t memory = sample->memory + std::max(sample->shared, in_memory_);
    const std::uint64_t most = limits_.memory_bytes;
    if (most != 0 && memory > most) memory = exact_memory().value_or(memory);
    usage_.peak_memory_bytes = std::max(usage_.peak_memory_bytes, memory);
    if (most != 0 && memory > most) verdict = Verdict::kOverMemory;
  }
  publish();
  if (verdict != Verdict::kWithin) return verdict;
  const auto cpu = microseconds(usage_.user_us + usage_.system_us);
  if (watch_cpu_ && limits_.cpu.count() > 0 && cpu > limits_.cpu) return Verdict::kOverCpu;
  if (limits_.disk_bytes != 0 && disk_bytes() > limits_.disk_bytes) return Verdict::kOverDisk;
  return Verdict::kWithin;
}

bool UsageWatch::reserve(std::uint64_t bytes) {
  constexpr std::uint64_t kMost = 1ULL << 62;  // so that sums do not wrap around
  reserved_ = std::min(reserved_ + std::min(bytes, kMost), kMost);
  publish();
  return limits_.disk_bytes == 0 || disk_bytes() <= limits_.disk_bytes;
}

}  // namespace mayfly::sandbox
