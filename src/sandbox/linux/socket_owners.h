#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "sandbox/linux/messages.h"

namespace mayfly::sandbox {

// Whose socket is that? The init of one call asks, the server passes the question on to the other
// running calls of the same caller, and the first yes, or everybody's no, is the answer. This is
// the bookkeeping: it knows numbers of calls and makes messages, and leaves it to the engine to
// send them. Every question is answered once, at the latest when the calls that were asked end.
class SocketOwners {
 public:
  struct Outgoing {
    std::uint64_t call = 0;
    Note note;
  };
  using Messages = std::vector<Outgoing>;

  // `note` is kFindSocket from `asker`; `others` are the calls that may have the socket.
  Messages ask(std::uint64_t asker, const Note& note, const std::vector<std::uint64_t>& others);
  // `note` is kSocketHere from `call`.
  Messages hear(std::uint64_t call, const Note& note);
  // `call` has ended, or cannot be spoken to.
  Messages forget(std::uint64_t call);

 private:
  struct Question {
    std::uint64_t asker = 0;
    std::uint64_t askers_number = 0;
    std::set<std::uint64_t> asked;  // and not heard of yet
  };
  std::map<std::uint64_t, Question> questions_;
  std::uint64_t next_ = 1;
};

}  // namespace mayfly::sandbox
