#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "sandbox/linux/internet_calls.h"
#include "sandbox/linux/ledger.h"
#include "sandbox/linux/listener.h"
#include "sandbox/linux/messages.h"
#include "sandbox/linux/observer.h"
#include "sandbox/linux/unix_sockets.h"
#include "sandbox/linux/usage_watch.h"

namespace mayfly::sandbox {

// The bytes that a fallocate(2) takes; its other modes free or move them.
std::uint64_t reserved_by(const seccomp_data& call);

// Answers the system calls of a program that its filters do not decide (seccomp_unotify(2)). Lives
// in init, on the same thread as the rest of it, and never blocks:
//
//  - A call of another architecture is refused before its number is looked at (foreign_call.h).
//  - What a rule of the policy refuses is denied, whichever call it is, and goes to the ledger.
//  - `connect` of an Internet socket is done here (internet_calls.h), unless it has to wait. What
//    waits, and every other `connect`, is done by a helper, a child of init's for that one connect
//    (unix_sockets.h). The helper reports over a socket; only init answers the program, writes the
//    ledger and speaks with the server. A helper that is killed (a program may, they have one uid)
//    is a refusal.
//  - `fallocate` is counted and goes on. The kernel's warning about letting calls go on is about
//    decisions on memory that changes meanwhile: here all arguments are registers, which the kernel
//    copied, and the call is allowed whatever they are.
//  - What is only observed goes on, unless the sandbox denies it: then the program has the answer
//    from here, and the ledger knows (observer.h).
//  - Everything else is denied with EPERM and goes to the ledger.
//
// When init is gone, so is the program; while init is busy, the program's call waits. A program
// that asks without end gets answers, and costs no more memory: kinds of violations, helpers and
// questions to the server are bounded.
class Supervisor {
 public:
  struct Surroundings {
    LedgerWriter& ledger;
    UsageWatch& watch;
    Observer observer;
    std::vector<std::uint64_t> private_devices;
    std::function<void(const Note&)> tell_server;
    std::string_view refusals;  // of the policy (syscall_gate.h); outlives the supervisor
  };
  static Result<Supervisor> start(Listener listener, Surroundings surroundings);

  enum class Verdict { kGoOn, kOverDisk };
  // For poll(2), which is to name it itself: through an epoll(7) the kernel forgets that init is to
  // run on the CPU of who asks. Negative, which poll(2) passes over, when nobody is left to ask.
  int listener_fd() const { return listener_.fd(); }
  // Answers one request. `events`: what poll(2) said of listener_fd(), also if that was nothing.
  Verdict answer(short events);
  // The same for the helpers.
  int helpers_fd() const { return ready_.get(); }
  void hear_helpers();
  // Whatever there is just now of both.
  Verdict serve();
  // An answer (kSocketFound), or another call's question (kHaveSocket), from the server.
  void hear(const Note& note);
  // Takes back helpers whose program does not wait any more. Call it now and then.
  void tidy();

 private:
  struct Helper {
    pid_t pid = 0;
    OwnedFd socket;
    bool answers_program = false;    // or, if not, another call
    std::uint64_t for_whom = 0;      // a notification, or the server's number of a question
    std::uint64_t own_question = 0;  // that the server has not answered yet
  };

  Supervisor(Listener listener, OwnedFd ready, Surroundings surroundings);
  void hear_helper(std::uint64_t number);
  void ask_server(Helper& helper, const SocketFile& file);
  bool may_ask();
  void start_connect(const seccomp_notif& request);
  void connect_internet(std::uint64_t notification, const InternetCall& call);
  void deny(const seccomp_notif& request, std::optional<std::uint16_t> rule);
  void end(std::map<std::uint64_t, Helper>::iterator helper, int error, bool found);
  template <typename Work>
  bool start_helper(Helper helper, Work work);

  Listener listener_;
  OwnedFd ready_;  // epoll of all helpers
  Surroundings surroundings_;
  std::map<std::uint64_t, Helper> helpers_;
  std::uint64_t next_number_ = 1;
  TimePoint questions_since_{};
  int questions_ = 0;
};

}  // namespace mayfly::sandbox
