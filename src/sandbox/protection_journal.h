#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/protection_record.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {

// What the servers of one user know together about one workspace, and who of them has calls in it.
// Two files of the state directory's "workspaces", named after the workspace's device and inode:
//
//   DEVICE-INODE       the record: what the protected paths were before the first running call. Its
//                      header says whether calls are running or it is idle. Replaced by rename.
//   DEVICE-INODE.lock  empty. Byte 0 is the turn: who looks at or changes the record, or repairs
//                      the workspace, holds it for that long. Byte 1 is held by every server with
//                      running calls, shared; who gets it exclusively is alone.
//
// The kernel drops a dead server's locks (they belong to the open file, fcntl(2) F_OFD_SETLK). So
// "running" with nobody at byte 1 means that a server died in the middle of a call.
// Not thread-safe.
class ProtectionJournal {
 public:
  enum class State : std::uint8_t { kMissing, kIdle, kRunning };

  class Turn {
   public:
    explicit Turn(int lock) : lock_(lock) {}
    Turn(Turn&& other) noexcept : lock_(std::exchange(other.lock_, -1)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn();

   private:
    int lock_;
  };

  // Creates the directories (0700). E2001 if they, or what is in them, are not this user's own.
  static Result<ProtectionJournal> open(const std::string& state_root, const Workspace& workspace,
                                        int workspace_directory);

  // E4001 when another server kept the turn for all of that time.
  Result<Turn> take_turn(std::chrono::milliseconds patience) const;

  // The rest only while a turn is held.

  // Whether no other server has calls in the workspace; this one has it exclusively from then on.
  Result<bool> alone() const;
  Status share() const;  // exclusive or not at all before, shared with others afterwards
  void leave() const;

  // What the record says now, and whether it is another than this server last read or wrote. A
  // record of a directory that had the same inode earlier is missing. E2001 when it is no record.
  Result<State> look();
  bool replaced() const { return replaced_; }

  // E2001 for a damaged record or one of another format, with the file's name.
  Result<ProtectionRecord> read();
  Status write(DirectoryBind bind, const ProtectionSnapshot& snapshot);  // as running
  Status mark(State state) const;
  void remove();

 private:
  ProtectionJournal() = default;

  Error damaged(const std::string& why) const;

  std::string path_;  // of the record
  std::string name_;
  OwnedFd directory_;
  OwnedFd lock_;
  OwnedFd record_;  // the one last read or written: open, so that its inode is not used again
  bool replaced_ = true;
  std::int64_t born_seconds_ = 0;
  std::uint32_t born_nanoseconds_ = 0;
};

}  // namespace mayfly::sandbox
