#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "sandbox/report.h"
#include "tools/denial_loops.h"

namespace mayfly::tools {

// For each violation of a report, in its order: in how many calls the caller met it, if that is
// worth saying, else 0. Empty stands for zeros.
using Repetitions = std::vector<std::uint64_t>;

// What the sandbox stopped in the calls of this server, for each caller apart: the latest entries
// and exact totals. Whatever calls do, it holds at most kCallers times kKept entries, of bounded
// length. Thread-safe.
class ViolationStore {
 public:
  static constexpr std::size_t kKept = 200;    // of one caller
  static constexpr std::size_t kCallers = 64;  // the one that was denied something longest ago goes

  struct Entry {
    std::string call_id;
    std::string tool;
    std::chrono::system_clock::time_point time;  // when the call ended
    sandbox::Violation violation;                // as in the receipt, long words cut
    std::uint64_t repeated = 0;                  // as in Repetitions
  };
  struct View {
    std::uint64_t denials = 0;   // each attempt that was stopped, since the server began
    std::uint64_t calls = 0;     // that met any
    std::vector<Entry> entries;  // the latest call first; of one call in the receipt's order
  };

  // Once for each call, when it has ended.
  Repetitions add(const std::string& principal, const std::string& tool,
                  const sandbox::Report& report, TimePoint now = Clock::now());
  // At most `most` entries.
  View latest(const std::string& principal, std::size_t most = kKept) const;
  // The entries of one call that are still kept.
  std::vector<Entry> of_call(const std::string& principal, const std::string& call_id) const;
  std::size_t callers() const;

 private:
  struct Caller {
    std::string principal;
    std::uint64_t denials = 0;
    std::uint64_t calls = 0;
    std::deque<Entry> entries;  // the latest in front
    DenialLoops loops;
  };
  Caller& caller(const std::string& principal);
  const Caller* find(const std::string& principal) const;

  mutable std::mutex mutex_;
  std::list<Caller> callers_;  // the one denied last in front
  std::map<std::string, std::list<Caller>::iterator> by_principal_;
};

// Entries that are the same violation, of one call or of several, as one.
struct ViolationSum {
  ViolationStore::Entry latest;  // `violation.count` is of all
  std::uint64_t calls = 0;
};
// In the order of their first entry, at most `most`.
std::vector<ViolationSum> summed(const std::vector<ViolationStore::Entry>& entries,
                                 std::size_t most);

}  // namespace mayfly::tools
