#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "audit/key.h"
#include "base/fd.h"
#include "base/result.h"

namespace mayfly::audit {

// How far one chain had come.
struct Head {
  std::string chain;
  std::uint64_t seq = 0;
  std::string hash;
  std::uint64_t pruned = 0;  // records up to this one went with the oldest file
  bool ended = false;        // its server wrote its last record
};

// FILE.head: the heads of all chains of a log, each confirmed with the key, and how many there are.
// One line of a fixed width each, so that a record costs one short write in place. Everything here
// is called with the file locked (flock), exclusively by who writes.
class HeadFile {
 public:
  static constexpr std::size_t kSlotBytes = 384;

  // What is wrong with a file: confirmed by another key, or changed.
  struct Fault {
    std::size_t slot = 0;  // 0: the first line, which counts the others
    std::string what;
  };
  struct Content {
    std::vector<Head> heads;
    std::vector<Fault> faults;
    bool there = false;  // false: the file is empty
  };
  // Without a key what is confirmed cannot be told from what is not.
  static Result<Content> read(int fd, const Key* key);

  // Puts `head` in its chain's place; a new chain gets a new one. `slot` remembers the place
  // between calls, 0 at first. E2001 if the count of the file is not confirmed by `key`.
  static Status put(int fd, const Key& key, const Head& head, std::size_t& slot);
  // Writes the whole file anew, without the heads that `keep` refuses.
  static Status rewrite(int fd, const Key& key, const std::function<bool(Head&)>& keep);
};

}  // namespace mayfly::audit
