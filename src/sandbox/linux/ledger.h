#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/finding.h"

namespace mayfly::sandbox {

// What init finds out about its call, in memory that it shares with the server: figures and
// violations survive a SIGKILL of init, can be read while the call runs, and cost the server
// nothing until somebody looks. The server makes the file, of a size that nobody can change any
// more (so that no access can fault); init writes it; the program never has it.
//
//   const OwnedFd file = TRY(make_ledger());            // server, handed to init
//   LedgerWriter writer = TRY(LedgerWriter::map(file));  // init
//   LedgerReader reader = TRY(LedgerReader::map(file));  // server

// What the watch saw. 0: nothing yet, or it was not asked to look.
struct WatchedUsage {
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t peak_processes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
};

struct LedgerContent {
  std::vector<Finding> findings;  // in the order of their first time; at most kMaxFindings kinds
  std::uint64_t total = 0;        // of all violations, also of kinds that found no place
  // What was looked for and is not in the sandbox (BrokenRule::kHidden): not in `total`, since it
  // may not be anywhere else either. At most kMaxFindings kinds, in the order of their first time.
  std::vector<Finding> absent;
  std::uint64_t absent_total = 0;
  WatchedUsage usage;
};

inline constexpr std::size_t kMaxFindings = 100;
inline constexpr std::size_t kMaxOperation = 48;
inline constexpr std::size_t kMaxTarget = 1000;

struct LedgerPage;

// One mapping of the file.
class LedgerMapping {
 public:
  LedgerMapping(const LedgerMapping&) = delete;
  LedgerMapping& operator=(const LedgerMapping&) = delete;
  LedgerMapping(LedgerMapping&& other) noexcept;
  LedgerMapping& operator=(LedgerMapping&&) = delete;
  ~LedgerMapping();

 protected:
  explicit LedgerMapping(LedgerPage* page) : page_(page) {}
  LedgerPage* page_;
};

Result<OwnedFd> make_ledger();

// Only one process may write, and only one thread of it.
class LedgerWriter : public LedgerMapping {
 public:
  static Result<LedgerWriter> map(const OwnedFd& file);
  // Equal ones but for their error and count become one kind.
  void record(const Finding& finding);
  // Figures only ever grow.
  void raise(const WatchedUsage& usage);

 private:
  using LedgerMapping::LedgerMapping;
  std::map<std::string, std::size_t> found_;
  std::map<std::string, std::size_t> absent_;
};

// Reads what is there at this moment, whoever wrote it: everything is checked and copied.
class LedgerReader : public LedgerMapping {
 public:
  static Result<LedgerReader> map(const OwnedFd& file);
  LedgerContent read() const;

 private:
  using LedgerMapping::LedgerMapping;
};

}  // namespace mayfly::sandbox
