#include "sandbox/linux/supervisor.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "base/sys.h"
#include "sandbox/linux/foreign_call.h"
#include "sandbox/linux/syscall_gate.h"
#include "sandbox/linux/syscall_text.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxHelpers = 128;
constexpr int kMaxQuestionsPerSecond = 20;
constexpr int kAnswerTimeoutMs = 2000;

// What a helper and init say to each other; both are the same program, and one forked the other.
struct Word {
  enum class Kind : std::uint8_t { kAsk, kDone, kAnswer };
  Kind kind = Kind::kDone;
  bool found = false;
  int error = 0;
  SocketFile file;
  std::uint8_t path_size = 0;
  char path[128] = {};
};

void say(const OwnedFd& socket, const Word& word) {
  (void)::send(socket.get(), &word, sizeof word, MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::optional<Word> hear_word(const OwnedFd& socket) {
  Word word;
  const ssize_t got = ::recv(socket.get(), &word, sizeof word, MSG_DONTWAIT);
  if (got != sizeof word) return std::nullopt;
  return word;
}

// A helper's side of a question.
bool ask_through_init(const OwnedFd& socket, const SocketFile& file) {
  Word question;
  question.kind = Word::Kind::kAsk;
  question.file = file;
  say(socket, question);
  struct pollfd answer {
    socket.get(), POLLIN, 0
  };
  if (::poll(&answer, 1, kAnswerTimeoutMs) <= 0) return false;
  const auto word = hear_word(socket);
  return word.has_value() && word->found;
}

Word report(const ConnectOutcome& outcome) {
  Word word;
  word.error = outcome.error;
  word.path_size =
      static_cast<std::uint8_t>(std::min(outcome.refused_path.size(), sizeof word.path));
  std::memcpy(word.path, outcome.refused_path.data(), word.path_size);
  return word;
}

}  // namespace

std::uint64_t reserved_by(const seccomp_data& call) {
  constexpr std::uint64_t kFrees =
      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE;
  const auto length = static_cast<std::int64_t>(call.args[3]);
  if ((call.args[1] & kFrees) != 0 || length <= 0) return 0;
  return static_cast<std::uint64_t>(length);
}

Result<Supervisor> Supervisor::start(Listener listener, Surroundings surroundings) {
  OwnedFd ready(::epoll_create1(EPOLL_CLOEXEC));
  if (!ready.valid()) return fail(system_error("epoll_create1", errno));
  return Supervisor(std::move(listener), std::move(ready), std::move(surroundings));
}

Supervisor::Supervisor(Listener listener, OwnedFd ready, Surroundings surroundings)
    : listener_(std::move(listener)),
      ready_(std::move(ready)),
      surroundings_(std::move(surroundings)) {}

Supervisor::Verdict Supervisor::serve() {
  struct pollfd asked {
    listener_.fd(), POLLIN, 0
  };
  const Verdict verdict = ::poll(&asked, 1, 0) > 0 ? answer(asked.revents) : Verdict::kGoOn;
  hear_helpers();
  return verdict;
}

void Supervisor::hear_helpers() {
  epoll_event events[32];
  const int count = ::epoll_wait(ready_.get(), events, std::size(events), 0);
  for (int i = 0; i < count; ++i) hear_helper(events[i].data.u64);
}

Supervisor::Verdict Supervisor::answer(short events) {
  if (events == 0) return Verdict::kGoOn;
  // Hung up: nobody is left to notify, and asking would wait for ever (before Linux 6.6).
  if ((events & POLLIN) == 0) listener_.close();
  const seccomp_notif* request = listener_.valid() ? listener_.receive() : nullptr;
  if (request == nullptr) return Verdict::kGoOn;
  const seccomp_data& call = request->data;
  if (is_foreign(call)) {
    // Before anything looks at its number, which means another call.
    refuse_foreign_call(listener_, *request, surroundings_.ledger);
  } else if (const auto rule = refused_by(surroundings_.refusals, call)) {
    deny(*request, rule);
  } else if (call.nr == SYS_fallocate) {
    if (!surroundings_.watch.reserve(reserved_by(call))) return Verdict::kOverDisk;
    listener_.answer(request->id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
  } else if (call.nr == SYS_connect) {
    start_connect(*request);
  } else if (surroundings_.observer.observes(call)) {
    surroundings_.observer.serve(listener_, *request, surroundings_.ledger);
  } else {
    deny(*request, std::nullopt);
  }
  return Verdict::kGoOn;
}

void Supervisor::connect_internet(std::uint64_t notification, const InternetCall& call) {
  const std::optional<int> error = connect_at_once(call);
  if (error.has_value()) {
    if (const auto denied = denied_connect(call, *error)) surroundings_.ledger.record(*denied);
    return listener_.answer(notification, *error);
  }
  Helper helper;
  helper.answers_program = true;
  helper.for_whom = notification;
  const bool helped = start_helper(std::move(helper), [&call](const OwnedFd& init) {
    say(init, report({finish_connect(call), {}}));
  });
  if (!helped) listener_.answer(notification, EAGAIN);
}

void Supervisor::start_connect(const seccomp_notif& request) {
  if (const auto call = copy_internet_call(listener_, request)) {
    return connect_internet(request.id, *call);
  }
  const seccomp_data& call = request.data;
  ConnectRequest connect;
  connect.thread = static_cast<pid_t>(request.pid);
  connect.socket = static_cast<int>(call.args[0]);
  connect.address = call.args[1];
  connect.size = static_cast<std::uint32_t>(call.args[2]);
  Helper helper;
  helper.answers_program = true;
  helper.for_whom = request.id;
  const bool helped = start_helper(std::move(helper), [&](const OwnedFd& init) {
    ConnectHelp help;
    help.private_devices = surroundings_.private_devices;
    help.still_asked = [&] { return listener_.still_asked(request.id); };
    help.ask_others = [&](const SocketFile& file) { return ask_through_init(init, file); };
    say(init, report(connect_for_program(connect, help)));
  });
  if (!helped) listener_.answer(request.id, EAGAIN);
}

void Supervisor::deny(const seccomp_notif& request, std::optional<std::uint16_t> rule) {
  surroundings_.ledger.record(denied_request(listener_, request, rule));
  listener_.answer(request.id, EPERM);
}

template <typename Work>
bool Supervisor::start_helper(Helper helper, Work work) {
  if (helpers_.size() >= kMaxHelpers) return false;
  auto pair = sys::socketpair_seqpacket();
  if (!pair) return false;
  helper.pid = ::fork();
  if (helper.pid < 0) return false;
  if (helper.pid == 0) {
    pair->first.reset();
    work(pair->second);
    ::_exit(0);
  }
  helper.socket = std::move(pair->first);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = next_number_;
  ::epoll_ctl(ready_.get(), EPOLL_CTL_ADD, helper.socket.get(), &event);
  helpers_.emplace(next_number_++, std::move(helper));
  return true;
}

void Supervisor::hear_helper(std::uint64_t number) {
  const auto found = helpers_.find(number);
  if (found == helpers_.end()) return;
  const auto word = hear_word(found->second.socket);
  // It was killed. Whatever it was about to do counts as refused.
  if (!word.has_value()) return end(found, EACCES, false);
  if (word->kind == Word::Kind::kAsk) return ask_server(found->second, word->file);
  if (word->path_size > 0) {
    surroundings_.ledger.record({ViolationKind::kNetwork, BrokenRule::kUnixSockets, "connect",
                                 std::string(word->path, word->path_size), word->error, 1});
  }
  end(found, word->error, word->found);
}

void Supervisor::end(std::map<std::uint64_t, Helper>::iterator helper, int error, bool found) {
  if (helper->second.answers_program) {
    listener_.answer(helper->second.for_whom, error);
  } else {
    Note here;
    here.kind = Kind::kSocketHere;
    here.question = helper->second.for_whom;
    here.found = found;
    surroundings_.tell_server(here);
  }
  helpers_.erase(helper);
}

// The server serves everybody: no program may keep it busy.
bool Supervisor::may_ask() {
  const TimePoint now = Clock::now();
  if (now - questions_since_ > milliseconds(1000)) {
    questions_since_ = now;
    questions_ = 0;
  }
  return ++questions_ <= kMaxQuestionsPerSecond;
}

void Supervisor::ask_server(Helper& helper, const SocketFile& file) {
  if (!may_ask()) {
    Word no;
    no.kind = Word::Kind::kAnswer;
    return say(helper.socket, no);
  }
  helper.own_question = next_number_++;
  Note question;
  question.kind = Kind::kFindSocket;
  question.question = helper.own_question;
  question.device = file.device;
  question.inode = file.inode;
  surroundings_.tell_server(question);
}

void Supervisor::hear(const Note& note) {
  if (note.kind == Kind::kSocketFound) {
    for (auto& [number, helper] : helpers_) {
      if (helper.own_question == 0 || helper.own_question != note.question) continue;
      helper.own_question = 0;
      Word word;
      word.kind = Word::Kind::kAnswer;
      word.found = note.found;
      return say(helper.socket, word);
    }
    return;
  }
  if (note.kind != Kind::kHaveSocket) return;
  Helper helper;
  helper.for_whom = note.question;
  const SocketFile file{note.device, note.inode};
  const bool helped = start_helper(std::move(helper), [&file](const OwnedFd& init) {
    Word word;
    word.found = listens_here(file);
    say(init, word);
  });
  if (helped) return;
  Note here;
  here.kind = Kind::kSocketHere;
  here.question = note.question;
  surroundings_.tell_server(here);
}

void Supervisor::tidy() {
  for (const auto& [number, helper] : helpers_) {
    // Its end of the socket tells the rest.
    if (helper.answers_program && !listener_.still_asked(helper.for_whom))
      ::kill(helper.pid, SIGKILL);
  }
}

}  // namespace mayfly::sandbox
