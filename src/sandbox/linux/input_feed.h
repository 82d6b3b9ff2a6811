#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly::sandbox {

// What waits to become the standard input of one program: callers add, the engine's loop writes as
// much as the program takes. Nothing here blocks. Thread-safe.
class InputFeed {
 public:
  enum class Sink { kPipe, kTerminal };

  // `first` is there before anything is added, however large it is.
  InputFeed(Sink sink, std::string first);

  // Whole or not at all. E4001 if more than kMostPendingInput bytes would wait, `first` included;
  // E5001 after close(), after the program closed its input, and after end().
  Status add(std::string_view bytes);
  // End of file after all that waits. On a terminal, the character that means it (VEOF), twice if
  // the last line is not ended: the first then only hands that line over. E5001 as above.
  Status close();
  // Whether the loop has to be told that there is something new: once until it has looked.
  bool claim_wake();

  enum class State {
    kIdle,     // nothing waits
    kBlocked,  // there is more: again when the descriptor is writable
    kDone,     // the descriptor is of no more use
  };
  // Writes a part of what waits to `fd`, which must not block and whose SIGPIPE must be blocked.
  // Also notices that nobody reads any more.
  State write_to(int fd);
  // The call has ended.
  void end();

  std::size_t waiting() const;

 private:
  enum class End { kNone, kClosed, kByProgram, kWithCall };

  Status check_open() const;
  State finish_by_program();

  const Sink sink_;
  mutable std::mutex mutex_;  // guards all below, for a moment at a time
  std::string bytes_;         // those before written_ are gone
  std::size_t written_ = 0;
  bool line_ended_ = true;
  bool told_ = false;
  End end_ = End::kNone;
};

}  // namespace mayfly::sandbox
