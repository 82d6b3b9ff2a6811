#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "audit/json.h"
#include "audit/key.h"
#include "audit/own_file.h"
#include "base/fd.h"
#include "base/result.h"

// The audit log: a file of records, one line each (record.h), that several servers may append to.
//
// Each process has a chain of its own: a random id, records numbered from 1, each with the hash of
// the one before. FILE.head says of each chain how far it has come, confirmed with the operator's
// key, and so is each record. Of what somebody without the key does to the files, verify.h finds:
// a changed, forged, repeated, moved or missing line; lines cut off at the end; a chain that is
// gone; a part that was rotated away and is missing; another file in its place; heads older than
// the log. It does not find: log *and* heads put back together to what they were earlier (keep a
// copy of FILE.head elsewhere, or send the log away); lines of different chains that changed
// places; the loss of the last record of a server that was killed before it could confirm that one.
// Who has the key can forge everything.
//
// FILE becomes FILE.1 when it is full, FILE.1 becomes FILE.2, and so on; chains go on. What goes
// with the oldest part is noted in the heads.
namespace mayfly::audit {

// When a record has to be on the disk.
enum class Flush {
  kNone,    // the kernel writes it when it likes: a power failure may lose it
  kAnswer,  // before append() returns, and so before the answer leaves
};

struct LogOptions {
  std::string file;
  std::string key_file;
  // Directories of the server's own: all that is missing in them is made, elsewhere one directory.
  std::vector<std::string> own_places;
  Flush flush = Flush::kNone;
  std::uint64_t rotate_bytes = 64ULL << 20;
  unsigned keep = 8;  // parts beside FILE; at least 1
};

std::string heads_name(const std::string& name);
std::string part_name(const std::string& name, unsigned number);
// The numbers of the parts there are, ascending.
Result<std::vector<unsigned>> rotated_parts(const Place& place);

// One chain. Thread-safe; one for each process and file.
class Log {
 public:
  // Makes key, files and their directories (own_file.h) if missing; writes no record. E1001 for a
  // file, key or directory that others could change.
  static Result<std::unique_ptr<Log>> open(LogOptions options);

  // Whole or not at all: after an error the file is as it was, and the next call tries again. With
  // kAnswer it may be in the file and not on the disk. `fields` must be an object.
  enum class Last { kNo, kYes };  // of this chain
  Status append(std::string_view event, Json fields, Last last = Last::kNo);

  const std::string& chain() const { return chain_; }
  const std::string& path() const { return place_.path; }

 private:
  Log(LogOptions options, Place place, Key key, std::string chain);
  Status append_locked(std::string_view event, Json fields, Last last);
  Status open_files();
  Result<std::uint64_t> repaired_size();
  Status rotate();
  Status prune(const std::vector<unsigned>& parts);
  Status write_line(const std::string& line, std::uint64_t size);

  const LogOptions options_;
  const Place place_;
  const Key key_;
  const std::string chain_;

  std::mutex mutex_;
  OwnedFd file_;
  OwnedFd heads_;
  std::uint64_t seq_ = 0;
  std::string hash_;
  std::size_t slot_ = 0;
  std::uint64_t cut_bytes_ = 0;  // of a torn line, not told yet
};

}  // namespace mayfly::audit
