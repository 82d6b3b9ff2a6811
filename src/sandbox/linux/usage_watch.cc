#include "sandbox/linux/usage_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>

#include "base/sys.h"
#include "sandbox/linux/process_figures.h"
#include "sandbox/linux/resource_violations.h"

namespace mayfly::sandbox {
namespace {

constexpr milliseconds kInterval{100};
constexpr milliseconds kMostInterval{500};
constexpr pid_t kInit = 1;

// Calls `visit` with the number of everything, init included. False if they cannot be listed.
template <typename Visit>
bool each_process(Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (proc == nullptr) return false;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
    visit(static_cast<pid_t>(std::atoi(entry->d_name)));
  }
  return true;
}

}  // namespace

Result<std::vector<TemporaryDirectory>> temporary_directories(const RootPlan& root) {
  std::vector<TemporaryDirectory> found;
  for (auto at = root.call_ops.begin(); at != root.call_ops.end(); ++at) {
    const CallOp& op = *at;
    if (op.kind != CallOpKind::kTmpfs) continue;
    const bool covered = std::any_of(at + 1, root.call_ops.end(), [&op](const CallOp& later) {
      const bool mounts = later.kind == CallOpKind::kMount || later.kind == CallOpKind::kTmpfs ||
                          later.kind == CallOpKind::kHide || later.kind == CallOpKind::kDeny;
      return mounts && is_within(op.target, later.target);
    });
    if (covered) continue;  // its path leads to something else
    TemporaryDirectory one;
    one.directory = TRY(sys::open(op.target, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    one.device = TRY(sys::fstat(one.directory.get())).st_dev;
    one.path = op.target;
    one.of_rule = !op.text.empty();
    found.push_back(std::move(one));
  }
  return found;
}

std::optional<FullDirectory> look_for_room(const TemporaryDirectory& directory) {
  struct statvfs info {};
  if (::fstatvfs(directory.directory.get(), &info) < 0) return std::nullopt;
  if (info.f_blocks > 0 && info.f_bfree == 0) {
    return FullDirectory{directory.path, directory.of_rule, info.f_blocks * info.f_frsize, 0};
  }
  if (info.f_files > 0 && info.f_ffree == 0) {
    return FullDirectory{directory.path, directory.of_rule, 0, info.f_files};
  }
  return std::nullopt;
}

UsageWatch::UsageWatch(const CallPlan& call, const std::vector<TemporaryDirectory>& temporary,
                       LedgerWriter& ledger)
    : limits_(call.limits),
      watch_memory_(call.watch_memory),
      watch_cpu_(call.watch_cpu),
      temporary_(temporary),
      ledger_(ledger),
      user_(kInit),
      system_(kInit),
      written_(kInit) {}

struct UsageWatch::Sample {
  struct Process {
    pid_t pid = 0;
    std::uint64_t born = 0;
    std::string directory;
    MemoryFigures memory;
  };
  std::vector<FamilyTally::Reading> user;
  std::vector<FamilyTally::Reading> system;
  std::vector<FamilyTally::Reading> written;
  std::vector<Process> memory;
  std::uint64_t processes = 0;
  bool hidden = false;
};

std::optional<UsageWatch::Sample> UsageWatch::look() const {
  Sample sample;
  const bool listed = each_process([&](pid_t pid) {
    const std::optional<ProcessStat> stat = stat_of(pid);
    if (!stat.has_value()) return;  // it has just ended
    const ProcessFigures figures = figures_of(pid, *stat);
    const auto reading = [&](std::uint64_t value, bool known) {
      return FamilyTally::Reading{pid, stat->parent, stat->born, value, value, known};
    };
    sample.user.push_back(reading(stat->user, true));
    sample.system.push_back(reading(stat->system, true));
    sample.written.push_back(reading(figures.written.value_or(0), figures.written.has_value()));
    if (pid == kInit) return;
    sample.processes += stat->threads;
    sample.hidden = sample.hidden || figures.hidden;
    if (!figures.memory.has_value()) return;
    sample.memory.push_back({pid, stat->born, figures.directory, *figures.memory});
  });
  if (!listed) return std::nullopt;
  return sample;
}

// Mapped files of a temporary directory are in both figures, and cannot be told from others.
std::uint64_t UsageWatch::memory_of(const Sample& sample) const {
  std::uint64_t bytes = 0;
  std::uint64_t shared = 0;
  for (const Sample::Process& process : sample.memory) {
    bytes += process.memory.anonymous + process.memory.tables;
    shared += process.memory.shared;
  }
  return bytes + std::max(shared, in_memory_);
}

// With exact shares, of as many processes as there is time for. The kernel goes through every entry
// of a process's page tables for this and does not let itself be interrupted: a program could hold
// init up for half a minute with them. So their size decides whether to ask at all.
UsageWatch::Sample UsageWatch::with_exact_memory(Sample sample) {
  constexpr milliseconds kPatience{400};
  constexpr std::uint64_t kMostTables = 48ULL << 20;  // 6 million entries
  const TimePoint until = Clock::now() + kPatience;
  std::uint64_t tables = 0;
  for (Sample::Process& process : sample.memory) {
    if (Clock::now() > until) break;
    if (tables + process.memory.tables > kMostTables) continue;
    tables += process.memory.tables;
    if (const auto exact = parse_rollup(slurp(process.directory + "smaps_rollup"))) {
      process.memory.anonymous = exact->anonymous;
      process.memory.shared = exact->shared;
      continue;
    }
    const auto stat = stat_of(process.pid);
    const bool gone = !stat.has_value() || stat->born != process.born ||
                      !figures_of(process.pid, *stat).memory.has_value();
    if (gone) process.memory = {};
  }
  return sample;
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

void UsageWatch::look_for_full() {
  for (const TemporaryDirectory& one : temporary_) {
    if (full_.count(one.path) != 0) continue;
    const auto full = look_for_room(one);
    if (!full.has_value()) continue;
    full_.insert(one.path);
    ledger_.record(full_directory(*full));
  }
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
  due_ =
      now + std::clamp<Clock::duration>((now - began) * kShareOfOneCpu, kInterval, kMostInterval);
  return verdict;
}

void UsageWatch::publish() {
  usage_.disk_bytes = std::max(usage_.disk_bytes, disk_bytes());
  usage_.user_us = user_.total();
  usage_.system_us = system_.total();
  ledger_.raise(usage_);
}

// Twice in succession, or in most of the looks: who hides by turns does not come off better.
bool UsageWatch::hides_too_long(bool hidden) {
  constexpr unsigned kSeen = 2;
  constexpr unsigned kMost = 2 * kSeen;
  if (hidden) {
    hidden_ += kSeen;
  } else if (hidden_ > 0) {
    --hidden_;
  }
  return hidden_ >= kMost;
}

UsageWatch::Verdict UsageWatch::sample() {
  sampled_ = true;
  const std::optional<Sample> sample = look();
  if (!sample.has_value()) return Verdict::kOverMemory;
  in_memory_ = temporary_bytes();
  look_for_full();
  user_.take(sample->user);
  system_.take(sample->system);
  written_.take(sample->written);
  usage_.peak_processes = std::max(usage_.peak_processes, sample->processes);
  Verdict verdict = Verdict::kWithin;
  if (watch_memory_) {
    std::uint64_t memory = memory_of(*sample);
    const std::uint64_t most = limits_.memory_bytes;
    if (most != 0 && memory > most) memory = memory_of(with_exact_memory(*sample));
    usage_.peak_memory_bytes = std::max(usage_.peak_memory_bytes, memory);
    if (most != 0 && memory > most) verdict = Verdict::kOverMemory;
  }
  publish();
  if (verdict != Verdict::kWithin) return verdict;
  const auto cpu = microseconds(usage_.user_us + usage_.system_us);
  if (watch_cpu_ && limits_.cpu.count() > 0 && cpu > limits_.cpu) return Verdict::kOverCpu;
  if (limits_.disk_bytes != 0 && disk_bytes() > limits_.disk_bytes) return Verdict::kOverDisk;
  if (limits_.disk_bytes != 0 && hides_too_long(sample->hidden)) return Verdict::kOverDisk;
  return Verdict::kWithin;
}

bool UsageWatch::reserve(std::uint64_t bytes) {
  constexpr std::uint64_t kMost = 1ULL << 62;  // so that sums do not wrap around
  reserved_ = std::min(reserved_ + std::min(bytes, kMost), kMost);
  publish();
  return limits_.disk_bytes == 0 || disk_bytes() <= limits_.disk_bytes;
}

}  // namespace mayfly::sandbox
