#include "sandbox/linux/ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace mayfly::sandbox {
namespace {

using Figure = std::atomic<std::uint64_t>;
static_assert(Figure::is_always_lock_free, "it is shared between processes");

struct Entry {
  Figure count;
  std::int32_t error;
  std::uint8_t kind;
  std::uint8_t rule;
  std::uint8_t operation_size;
  std::uint16_t target_size;
  std::uint16_t number;
  std::uint32_t order;
  char operation[kMaxOperation];
  char target[kMaxTarget];
};

// Kinds in the order of their first time, and how many findings there were at all.
struct Table {
  Figure total;
  Figure entries;  // raised after an entry is complete: a torn one is never counted
  Entry entry[kMaxFindings];
};

}  // namespace

// All zeros is a valid, empty ledger.
struct LedgerPage {
  Figure peak_memory_bytes;
  Figure peak_processes;
  Figure disk_bytes;
  Figure user_us;
  Figure system_us;
  Table found;
  Table absent;
};

namespace {

template <std::size_t N>
std::size_t put(char (&into)[N], std::string_view text) {
  const std::size_t size = std::min(text.size(), N);
  std::memcpy(into, text.data(), size);
  return size;
}

// What is too long keeps its beginning and its end.
std::string fitting(const std::string& target) {
  if (target.size() <= kMaxTarget) return target;
  static constexpr std::string_view kCut = "...";
  constexpr std::size_t kHalf = (kMaxTarget - kCut.size()) / 2;
  return target.substr(0, kHalf) + std::string(kCut) + target.substr(target.size() - kHalf);
}

void write(Entry& entry, const Finding& finding, std::size_t order) {
  entry.order = static_cast<std::uint32_t>(order);
  entry.kind = static_cast<std::uint8_t>(finding.kind);
  entry.rule = static_cast<std::uint8_t>(finding.rule);
  entry.number = finding.number;
  entry.error = finding.error;
  entry.operation_size = static_cast<std::uint8_t>(put(entry.operation, finding.operation));
  entry.target_size = static_cast<std::uint16_t>(put(entry.target, fitting(finding.target)));
  entry.count.store(finding.count, std::memory_order_relaxed);
}

template <std::size_t N>
std::string take(const char (&from)[N], std::size_t size) {
  return {from, std::min(size, N)};
}

std::vector<Finding> take_all(const Table& table) {
  std::vector<Finding> findings;
  const std::uint64_t entries =
      std::min<std::uint64_t>(table.entries.load(std::memory_order_acquire), kMaxFindings);
  for (std::size_t i = 0; i < entries; ++i) {
    const Entry& entry = table.entry[i];
    if (entry.kind > static_cast<std::uint8_t>(ViolationKind::kHostCode)) continue;
    if (entry.rule > static_cast<std::uint8_t>(BrokenRule::kCapabilities)) continue;
    findings.push_back({static_cast<ViolationKind>(entry.kind), static_cast<BrokenRule>(entry.rule),
                        take(entry.operation, entry.operation_size),
                        take(entry.target, entry.target_size), entry.error,
                        entry.count.load(std::memory_order_relaxed), entry.number, entry.order});
  }
  return findings;
}

void raise_to(Figure& figure, std::uint64_t value) {
  if (figure.load(std::memory_order_relaxed) < value) {
    figure.store(value, std::memory_order_relaxed);
  }
}

Result<LedgerPage*> map_page(const OwnedFd& file, int protection) {
  void* page = ::mmap(nullptr, sizeof(LedgerPage), protection, MAP_SHARED, file.get(), 0);
  if (page == MAP_FAILED) return fail(system_error("mmap the ledger", errno));
  return static_cast<LedgerPage*>(page);
}

}  // namespace

LedgerMapping::LedgerMapping(LedgerMapping&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)) {}

LedgerMapping::~LedgerMapping() {
  if (page_ != nullptr) ::munmap(page_, sizeof(LedgerPage));
}

Result<OwnedFd> make_ledger() {
  OwnedFd file(::memfd_create("ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return fail(system_error("memfd_create ledger", errno));
  if (::ftruncate(file.get(), sizeof(LedgerPage)) < 0) {
    return fail(system_error("ftruncate ledger", errno));
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
    return fail(system_error("fcntl F_ADD_SEALS ledger", errno));
  }
  return file;
}

Result<LedgerWriter> LedgerWriter::map(const OwnedFd& file) {
  LedgerPage* page = TRY(map_page(file, PROT_READ | PROT_WRITE));
  LedgerWriter writer(page);
  // Processes that init forks do not write it: helpers, and above all tasks.
  if (::madvise(page, sizeof *page, MADV_DONTFORK) < 0) {
    return fail(system_error("madvise MADV_DONTFORK of the ledger", errno));
  }
  return writer;
}

Result<LedgerReader> LedgerReader::map(const OwnedFd& file) {
  return LedgerReader(TRY(map_page(file, PROT_READ)));
}

void LedgerWriter::record(const Finding& finding) {
  const bool absent = finding.rule == BrokenRule::kHidden;
  Table& table = absent ? page_->absent : page_->found;
  auto& index = absent ? absent_ : found_;
  table.total.fetch_add(finding.count, std::memory_order_relaxed);
  const std::string key = std::to_string(static_cast<int>(finding.kind)) + finding.operation +
                          "\n" + finding.target + "\n" + std::to_string(finding.number);
  if (const auto known = index.find(key); known != index.end()) {
    table.entry[known->second].count.fetch_add(finding.count, std::memory_order_relaxed);
    return;
  }
  const std::size_t at = index.size();
  if (at >= kMaxFindings) return;
  index[key] = at;
  write(table.entry[at], finding, found_.size() + absent_.size() - 1);
  table.entries.store(at + 1, std::memory_order_release);
}

void LedgerWriter::raise(const WatchedUsage& usage) {
  raise_to(page_->peak_memory_bytes, usage.peak_memory_bytes);
  raise_to(page_->peak_processes, usage.peak_processes);
  raise_to(page_->disk_bytes, usage.disk_bytes);
  raise_to(page_->user_us, usage.user_us);
  raise_to(page_->system_us, usage.system_us);
}

LedgerContent LedgerReader::read() const {
  LedgerContent content;
  content.total = page_->found.total.load(std::memory_order_relaxed);
  content.findings = take_all(page_->found);
  content.absent_total = page_->absent.total.load(std::memory_order_relaxed);
  content.absent = take_all(page_->absent);
  content.usage = {page_->peak_memory_bytes.load(), page_->peak_processes.load(),
                   page_->disk_bytes.load(), page_->user_us.load(), page_->system_us.load()};
  return content;
}

}  // namespace mayfly::sandbox
