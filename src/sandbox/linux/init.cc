#include "sandbox/linux/init.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/call_mounts.h"
#include "sandbox/linux/covers.h"
#include "sandbox/linux/ledger.h"
#include "sandbox/linux/loopback_sockets.h"
#include "sandbox/linux/messages.h"
#include "sandbox/linux/name_sink.h"
#include "sandbox/linux/path_surroundings.h"
#include "sandbox/linux/payload.h"
#include "sandbox/linux/resource_violations.h"
#include "sandbox/linux/stages.h"
#include "sandbox/linux/supervisor.h"
#include "sandbox/linux/terminal.h"
#include "sandbox/linux/usage_watch.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox {
namespace {

void tell(const InitInputs& inputs, const Note& note, std::span<const int> fds = {}) {
  // A server that does not listen any more is gone, and the end of file will say so.
  (void)sys::send_message(inputs.channel.get(), encode(note), fds);
}

// For what may get lost: a server that does not read just now must not stop the watch.
void tell_if_heard(const InitInputs& inputs, const Note& note) {
  struct pollfd room {
    inputs.channel.get(), POLLOUT, 0
  };
  if (::poll(&room, 1, 0) > 0) tell(inputs, note);
}

// Closes what the zygote holds and init has no use for, its control socket first of all.
Status close_others(const InitInputs& inputs) {
  std::vector<unsigned> kept;
  for (const OwnedFd* fd : {&inputs.call_plan, &inputs.standard[0], &inputs.standard[1],
                            &inputs.standard[2], &inputs.channel, &inputs.ledger, &inputs.notebook,
                            &inputs.host_proc, &inputs.zygote_life}) {
    if (fd->valid()) kept.push_back(static_cast<unsigned>(fd->get()));
  }
  std::sort(kept.begin(), kept.end());
  unsigned next = 3;
  for (const unsigned fd : kept) {
    if (fd > next) TRY(sys::close_range(next, fd - 1));
    next = std::max(next, fd + 1);
  }
  return sys::close_range(next, ~0U);
}

Result<CallPlan> read_plan(const InitInputs& inputs) {
  constexpr std::size_t kMaxPlan = 64U << 20;
  const std::string bytes = TRY(sys::read_file(inputs.call_plan.get(), kMaxPlan));
  CallPlan plan = TRY(decode_call_plan(bytes));
  if (plan.has_notebook != inputs.notebook.valid()) {
    return fail(system_error("the notebook does not fit the plan", EBADMSG));
  }
  return plan;
}

// The socket that the interface is raised with becomes the one that hears questions for names.
Result<OwnedFd> raise_loopback() {
  OwnedFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  struct ifreq request {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (!socket.valid() || ::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) {
    return fail(system_error("ioctl SIOCSIFFLAGS lo", errno));
  }
  TRY(hear_names(socket));
  return socket;
}

Status set_limits(const Limits& limits) {
  // 1, not 0: a core_pattern that is a pipe starts a helper on the host in spite of 0, and only 1
  // stops both the pipe and the file (core(5), do_coredump in fs/coredump.c).
  TRY(sys::setrlimit(RLIMIT_CORE, 1, 1, "RLIMIT_CORE"));
  // What is queued counts for the host's user as well, and would keep timers from others.
  struct rlimit signals {};
  ::getrlimit(RLIMIT_SIGPENDING, &signals);
  const rlim_t queued = std::min<rlim_t>(signals.rlim_max / 8, 4096);
  TRY(sys::setrlimit(RLIMIT_SIGPENDING, queued, queued, "RLIMIT_SIGPENDING"));
  TRY(sys::setrlimit(RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes, "RLIMIT_FSIZE"));
  TRY(sys::setrlimit(RLIMIT_RTPRIO, 0, 0, "RLIMIT_RTPRIO"));
  TRY(sys::setrlimit(RLIMIT_NICE, 0, 0, "RLIMIT_NICE"));
  return sys::setrlimit(RLIMIT_MSGQUEUE, 819200, 819200, "RLIMIT_MSGQUEUE");
}

// From here on init owns nothing but its place above the program: a program in the inner user
// namespace cannot trace it, and it cannot gain anything back.
Status drop_privileges(const InitInputs& inputs) {
  TRY(sys::prctl(PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS"));
  TRY(sys::drop_capabilities());
  // After the last change of credentials, which clears it (prctl(2)). A zygote that died before is
  // seen by its end of the pipe: getppid() is 0 in here, dead or alive.
  TRY(sys::prctl(PR_SET_PDEATHSIG, SIGKILL, "PR_SET_PDEATHSIG"));
  struct pollfd life {
    inputs.zygote_life.get(), POLLIN, 0
  };
  if (::poll(&life, 1, 0) > 0) return fail(system_error("the zygote is gone", ESRCH));
  return {};
}

struct Started {
  int landlock_abi = 0;
  const Task* task = nullptr;  // instead of a program
  CallPlan call;
  std::optional<LedgerWriter> ledger;
  std::vector<TemporaryDirectory> temporary;
  PathSurroundings paths;
  OpenTerminal terminal;
  OwnedFd names;                   // where programs ask for host names (name_sink.h)
  std::vector<OwnedFd> listeners;  // of published ports, for the server
  StartedProgram program;
};

// Of the devpts that only this sandbox has. From now on it is the program's three streams.
Status open_own_terminal(InitInputs& inputs, Started& started) {
  started.terminal = TRY(open_terminal("/dev/pts/ptmx", *started.call.terminal));
  return use_as_streams(started.terminal, inputs.standard);
}

Status open_ledger(InitInputs& inputs, Started& started) {
  started.ledger.emplace(TRY(LedgerWriter::map(inputs.ledger)));
  inputs.ledger.reset();
  return {};
}

std::vector<std::uint64_t> devices_of(const std::vector<TemporaryDirectory>& directories) {
  std::vector<std::uint64_t> devices;
  for (const TemporaryDirectory& one : directories) devices.push_back(one.device);
  return devices;
}

// The whole of setting up, in order. Mounts need the capabilities of the outer user namespace, so
// they come before anything is dropped; the fresh /proc must be mounted while the host's is in
// view; Landlock's ruleset names paths of the finished tree; the inner user namespace comes last of
// all, with the program (start_payload).
Result<Started> set_up(const RootPlan& root, InitInputs& inputs, Stages& stages) {
  Started started;
  TRY(stages.run("descriptors", [&] { return close_others(inputs); }));
  started.call = TRY(stages.run("plan", [&] { return read_plan(inputs); }));
  started.task = TRY(task_of(started.call, inputs));
  TRY(stages.run("ledger", [&] { return open_ledger(inputs, started); }));
  // After the clone: only now it is in the group that is to be the root of its view.
  TRY(stages.run("cgroup namespace", [] { return sys::unshare(CLONE_NEWCGROUP); }));
  TRY(stages.run("hostname", [&] { return sys::sethostname(root.identity.hostname); }));
  started.names = TRY(stages.run("loopback", [] { return raise_loopback(); }));
  if (!started.call.relayed_ports.empty()) {
    started.listeners = TRY(stages.run(
        "published ports", [&] { return listen_on_loopback(started.call.relayed_ports); }));
  }
  TRY(stages.run("mounts", [&] { return mount_call(root, started.call.limits); }));
  const Blanks blanks = TRY(stages.run("covers", [] { return find_blanks(); }));
  TRY(stages.run("pivot", [] { return enter_tree(); }));
  started.temporary =
      TRY(stages.run("temporary directories", [&] { return temporary_directories(root); }));
  started.paths = surroundings_in_tree(root, devices_of(started.temporary), blanks);
  if (started.call.terminal.has_value()) {
    TRY(stages.run("terminal", [&] { return open_own_terminal(inputs, started); }));
  }
  const Ruleset ruleset = TRY(stages.run(
      "landlock", [&] { return make_ruleset(landlock_rules(root, started.task), Tier::kFull); }));
  TRY(stages.run("limits", [&] { return set_limits(started.call.limits); }));
  TRY(stages.run("privileges", [&] { return drop_privileges(inputs); }));
  started.program = TRY(stages.run(started.task == nullptr ? "program" : "task", [&] {
    return start_payload(root, started.call, inputs, ruleset);
  }));
  started.landlock_abi = ruleset.abi;
  return started;
}

// Reaps everything that ended, and tells the ledger of limits that it died of. True once `program`
// did, with its status.
bool reap(pid_t program, const Limits& limits, LedgerWriter& ledger, int& status) {
  bool ended = false;
  while (true) {
    int one = 0;
    const pid_t pid = ::waitpid(-1, &one, WNOHANG | __WALL);
    if (pid <= 0) return ended;
    const auto limit = WIFSIGNALED(one) ? signal_of_limit(WTERMSIG(one), limits) : std::nullopt;
    if (limit.has_value()) ledger.record(*limit);
    if (pid != program) continue;
    ended = true;
    status = one;
  }
}

// Whether the program leaves files in /tmp, beside what we mounted there.
bool left_files_in_tmp(const RootPlan& root) {
  static constexpr std::string_view kTmp = "/tmp/";
  std::set<std::string> ours = {".", ".."};
  for (const CallOp& op : root.call_ops) {
    if (!op.target.starts_with(kTmp)) continue;
    ours.insert(op.target.substr(kTmp.size(), op.target.find('/', kTmp.size()) - kTmp.size()));
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir("/tmp"), ::closedir);
  if (list == nullptr) return false;
  while (const dirent* entry = ::readdir(list.get())) {
    if (ours.count(entry->d_name) == 0) return true;
  }
  return false;
}

Kind note_of(UsageWatch::Verdict verdict) {
  switch (verdict) {
    case UsageWatch::Verdict::kOverCpu:
      return Kind::kOverCpu;
    case UsageWatch::Verdict::kOverDisk:
      return Kind::kOverDisk;
    default:
      return Kind::kOverMemory;
  }
}

// Init after the program has started: waits for its end. What still runs then dies with init.
class Watchman {
 public:
  Watchman(const RootPlan& root, const InitInputs& inputs, Started& started, int signals)
      : root_(root),
        inputs_(inputs),
        program_(started.program.pid),
        is_task_(started.task != nullptr),
        signals_(signals),
        limits_(started.call.limits),
        ledger_(*started.ledger),
        watch_(started.call, started.temporary, *started.ledger),
        names_(std::move(started.names), *started.ledger),
        supervisor_(make_supervisor(started)),
        others_(gather_others()) {}

  [[noreturn]] void serve_until_end() {
    while (true) {
      struct pollfd events[] = {{supervisor_.listener_fd(), POLLIN, 0}, {others_.get(), POLLIN, 0}};
      if (::poll(events, std::size(events), watch_.next_sample_ms()) < 0 && errno != EINTR) {
        ::_exit(1);
      }
      if (supervisor_.answer(events[0].revents) == Supervisor::Verdict::kOverDisk) {
        end_for(Kind::kOverDisk);
      }
      if (events[1].revents != 0) hear_others();
      const UsageWatch::Verdict verdict = watch_.sample_if_due();
      if (verdict != UsageWatch::Verdict::kWithin) end_for(note_of(verdict));
      supervisor_.tidy();
    }
  }

 private:
  Supervisor make_supervisor(Started& started) {
    Observer observer(root_, std::move(started.paths));
    auto made = Supervisor::start(
        std::move(started.program.listener),
        {*started.ledger, watch_, std::move(observer), devices_of(started.temporary),
         [this](const Note& note) { tell_if_heard(inputs_, note); }, root_.refusals});
    // Without it the program's calls would wait for ever.
    if (!made) ::_exit(1);
    return std::move(*made);
  }

  // What happens seldom. Together, since poll(2) costs by the descriptor, and a program that opens
  // many files waits for it each time.
  OwnedFd gather_others() {
    OwnedFd gathered(::epoll_create1(EPOLL_CLOEXEC));
    for (const int fd : others()) {
      struct epoll_event event {};
      event.events = EPOLLIN;
      // An end that goes unnoticed would be one until the call's time is over.
      if (fd >= 0 && ::epoll_ctl(gathered.get(), EPOLL_CTL_ADD, fd, &event) < 0) ::_exit(1);
    }
    return gathered;
  }
  std::array<int, 4> others() const {
    return {inputs_.channel.get(), signals_, supervisor_.helpers_fd(), names_.fd()};
  }

  void hear_others() {
    const auto [channel, signals, helpers, names] = others();
    struct pollfd events[] = {
        {channel, POLLIN, 0}, {signals, POLLIN, 0}, {helpers, POLLIN, 0}, {names, POLLIN, 0}};
    if (::poll(events, std::size(events), 0) <= 0) return;
    if (events[3].revents != 0) names_.serve();
    if (events[2].revents != 0) supervisor_.hear_helpers();
    if (events[1].revents != 0) hear_signals();
    if (events[0].revents != 0) hear_server();
  }

  void hear_signals() {
    struct signalfd_siginfo info {};
    (void)!::read(signals_, &info, sizeof info);
    Note ended;
    ended.kind = Kind::kExited;
    if (!reap(program_, limits_, ledger_, ended.wait_status)) return;
    (void)supervisor_.serve();  // what was denied last
    names_.serve();
    if (watch_.ever_sampled()) (void)watch_.sample();
    watch_.look_for_full();
    tell_of_full_scratch();
    // A task's are its own affair: no caller could have meant to find them again.
    ended.left_files_in_tmp = !is_task_ && left_files_in_tmp(root_);
    // Before the listener goes with init, whose callers would be told that there is no such call.
    ::kill(-1, SIGKILL);
    tell(inputs_, ended);
    ::_exit(0);
  }

  // It outlives the call and may have been full before; whoever writes there is told why it fails.
  void tell_of_full_scratch() {
    TemporaryDirectory scratch;
    auto opened = sys::open(kScratchPath, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) return;
    scratch.directory = std::move(*opened);
    scratch.path = kScratchPath;
    const auto full = look_for_room(scratch);
    if (full.has_value()) ledger_.record(full_directory(*full));
  }

  void hear_server() {
    const auto message = sys::receive_message(inputs_.channel.get());
    if (!message || message->data.empty()) ::_exit(1);  // the server is gone
    const auto note = decode_note(message->data);
    if (!note) return;
    if (note->kind == Kind::kTerminate) ::kill(-1, SIGTERM);
    if (note->kind == Kind::kDial) dial(*note);
    supervisor_.hear(*note);
  }

  // A later call wants to reach a port of this one.
  void dial(const Note& question) {
    const OwnedFd socket =
        dial_loopback(question.port, question.found ? Family::kIpv4 : Family::kIpv6);
    Note answer;
    answer.kind = Kind::kDialed;
    answer.question = question.question;
    answer.found = socket.valid();
    const int fd = socket.get();
    const bool sent = sys::send_message(inputs_.channel.get(), encode(answer),
                                        std::span<const int>(&fd, answer.found ? 1 : 0))
                          .has_value();
    if (sent || !answer.found) return;
    // Too many descriptors of this user are on their way.
    answer.found = false;
    tell(inputs_, answer);
  }

  // A limit was passed. The processes are killed and waited for before init ends: of what the
  // kernel kills with init, nobody gets to know what it used.
  [[noreturn]] void end_for(Kind reason) {
    Note over;
    over.kind = reason;
    tell(inputs_, over);
    ::kill(-1, SIGKILL);
    constexpr milliseconds kPatience{200};
    const TimePoint until = Clock::now() + kPatience;
    while (::waitpid(-1, nullptr, WNOHANG | __WALL) >= 0 && Clock::now() < until) {
      struct pollfd child {
        signals_, POLLIN, 0
      };
      if (::poll(&child, 1, 10) <= 0) continue;
      struct signalfd_siginfo info {};
      (void)!::read(signals_, &info, sizeof info);
    }
    ::_exit(1);
  }

  const RootPlan& root_;
  const InitInputs& inputs_;
  const pid_t program_;
  const bool is_task_;
  const int signals_;
  const Limits& limits_;
  LedgerWriter& ledger_;
  UsageWatch watch_;
  NameSink names_;
  Supervisor supervisor_;
  const OwnedFd others_;  // epoll
};

}  // namespace

void init_main(const RootPlan& root, InitInputs inputs) {
  // Blocked, not ignored: they wait in the signalfd. TERM from inside does nothing here.
  sigset_t mask;
  sigfillset(&mask);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);

  Stages stages;
  Result<Started> started = set_up(root, inputs, stages);
  Note note;
  note.stages = stages.take();
  if (!started) {
    note.kind = Kind::kFailed;
    note.error = started.error();
    if (note.error.code == ErrorCode::kSystemCall) note.error.code = ErrorCode::kSetupFailed;
    tell(inputs, note);
    ::_exit(1);
  }
  note.kind = Kind::kStarted;
  note.landlock_abi = started->landlock_abi;
  note.slow_notices = started->program.listener.valid() && !started->program.listener.synchronous();
  std::vector<int> handed_over;
  if (started->terminal.master.valid()) handed_over.push_back(started->terminal.master.get());
  for (const OwnedFd& listener : started->listeners) handed_over.push_back(listener.get());
  tell(inputs, note, handed_over);
  started->terminal.master.reset();
  started->listeners.clear();
  for (OwnedFd& stream : inputs.standard) stream.reset();
  inputs.notebook.reset();
  inputs.host_proc.reset();

  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  const OwnedFd signals(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  // Without it the program's end would go unnoticed until its time is over.
  if (!signals.valid()) ::_exit(1);
  Watchman(root, inputs, *started, signals.get()).serve_until_end();
}

Status close_unneeded(const InitInputs& inputs) { return close_others(inputs); }
Result<CallPlan> read_call_plan(const InitInputs& inputs) { return read_plan(inputs); }
Status limit_this_process(const Limits& limits) { return set_limits(limits); }

Result<const Task*> task_of(const CallPlan& call, const InitInputs& inputs) {
  if (call.task.empty() && !call.argv.empty()) return nullptr;
  const Task* task = find_task(inputs.tasks, call.task);
  if (task != nullptr && call.argv.empty()) return task;
  return fail(system_error("find the task " + text::one_line(call.task), ENOENT));
}

std::vector<LandlockRule> landlock_rules(const RootPlan& root, const Task* task) {
  std::vector<LandlockRule> rules = root.landlock;
  if (task == nullptr || task->writes == TaskWrites::kFiles) return rules;
  for (LandlockRule& rule : rules) rule.reach = Reach::kRead;
  return rules;
}

}  // namespace mayfly::sandbox
