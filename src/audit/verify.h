#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/key.h"
#include "base/result.h"

// Whether a log is as its servers wrote it. What can be found and what cannot is said in log.h.
namespace mayfly::audit {

enum class FaultKind {
  kNoRecord,      // a line that is not one, or too long
  kTorn,          // the last line of a part has no end
  kEdited,        // the line's hash does not hold, or not its link to the one before
  kForged,        // the hash holds, and the key does not confirm it
  kMissing,       // records between others, or a chain's first ones
  kReordered,     // a record after a later one of its chain
  kRepeated,      // a record that was there already
  kCutAtEnd,      // a chain's last records
  kChainGone,     // all records of a chain
  kUnknownChain,  // a chain that the heads do not know
  kHeadMismatch,  // a head's hash is not that of its record
  kHeadTooOld,    // records after the one that the head confirms
  kHeadFault,     // heads that the key does not confirm, or that are not there
};
const char* to_string(FaultKind kind);

// The first fault of a kind, and how many there are.
struct Fault {
  FaultKind kind = FaultKind::kNoRecord;
  std::string file;
  std::uint64_t line = 0;  // 0: of the whole file, or of the heads
  std::uint64_t seq = 0;   // 0: of no record
  std::string chain;       // printable and short
  std::string what;
  std::uint64_t count = 1;
};

struct Verdict {
  std::vector<Fault> faults;  // one a kind, in the order in which they were found
  std::uint64_t records = 0;
  std::uint64_t chains = 0;
  std::uint64_t parts = 0;
  bool with_key = false;
  std::vector<std::string> notes;  // worth knowing, and no fault

  bool intact() const { return faults.empty(); }
};

// Reads all parts of the log `file` in bounded memory. Without a key only hashes and numbers are
// compared, which finds no forger. Servers may go on appending meanwhile. Errors are of files that
// cannot be read.
Result<Verdict> verify(const std::string& file, const std::optional<Key>& key);

}  // namespace mayfly::audit
