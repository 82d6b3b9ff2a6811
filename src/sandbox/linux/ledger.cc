#include "sandbox/linux/ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
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
  std::uint8_t target_size;
  std::uint16_t number;
  char operation[48];
  char target[192];
};

}  // namespace

// All zeros is a valid, empty ledger.
struct LedgerPage {
  Figure total;
  Figure peak_memory_bytes;
  Figure peak_processes;
  Figure disk_bytes;
  Figure user_us;
  Figure system_us;
  Figure entries;  // raised after an entry is complete: a torn one is never counted
  Entry entry[kMaxFindings];
};

namespace {

template <std::size_t N>
std::uint8_t put(char (&into)[N], const std::string& text) {
  static_assert(N < 256);
  const std::size_t size = std::min(text.size(), N);
  std::memcpy(into, text.data(), size);
  return static_cast<std::uint8_t>(size);
}

template <std::size_t N>
std::string take(const char (&from)[N], std::size_t size) {
  return {from, std::min(size, N)};
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
  page_->total.fetch_add(finding.count, std::memory_order_relaxed);
  const std::string key = std::to_string(static_cast<int>(finding.kind)) + finding.operation +
                          "\n" + finding.target + "\n" + std::to_string(finding.number);
  if (const auto found = index_.find(key); found != index_.end()) {
    page_->entry[found->second].count.fetch_add(finding.count, std::memory_order_relaxed);
    return;
  }
  const std::size_t at = index_.size();
  if (at >= kMaxFindings) return;
  index_[key] = at;
  Entry& entry = page_->entry[at];
  entry.kind = static_cast<std::uint8_t>(finding.kind);
  entry.rule = static_cast<std::uint8_t>(finding.rule);
  entry.number = finding.number;
  entry.error = finding.error;
  entry.operation_size = put(entry.operation, finding.operation);
  entry.target_size = put(entry.target, finding.target);
  entry.count.store(finding.count, std::memory_order_relaxed);
  page_->entries.store(at + 1, std::memory_order_release);
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
  content.total = page_->total.load(std::memory_order_relaxed);
  content.usage = {page_->peak_memory_bytes.load(), page_->peak_processes.load(),
                   page_->disk_bytes.load(), page_->user_us.load(), page_->system_us.load()};
  const std::uint64_t entries =
      std::min<std::uint64_t>(page_->entries.load(std::memory_order_acquire), kMaxFindings);
  for (std::size_t i = 0; i < entries; ++i) {
    const Entry& entry = page_->entry[i];
    if (entry.kind > static_cast<std::uint8_t>(ViolationKind::kHostCode)) continue;
    if (entry.rule > static_cast<std::uint8_t>(BrokenRule::kProfileCalls)) continue;
    content.findings.push_back(
        {static_cast<ViolationKind>(entry.kind), static_cast<BrokenRule>(entry.rule),
         take(entry.operation, entry.operation_size), take(entry.target, entry.target_size),
         entry.error, entry.count.load(std::memory_order_relaxed), entry.number});
  }
  return content;
}

}  // namespace mayfly::sandbox
