#include "sandbox/linux/landlock_init.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "base/sys.h"
#include "sandbox/host_probe.h"
#include "sandbox/linux/descendants.h"
#include "sandbox/linux/family_tally.h"
#include "sandbox/linux/file_attributes.h"
#include "sandbox/linux/foreign_call.h"
#include "sandbox/linux/ledger.h"
#include "sandbox/linux/listener.h"
#include "sandbox/linux/messages.h"
#include "sandbox/linux/observer.h"
#include "sandbox/linux/payload.h"
#include "sandbox/linux/program_path.h"
#include "sandbox/linux/resource_violations.h"
#include "sandbox/linux/stages.h"
#include "sandbox/linux/supervisor.h"
#include "sandbox/linux/syscall_gate.h"
#include "sandbox/linux/syscall_text.h"
#include "sandbox/linux/terminal.h"

namespace mayfly::sandbox {
namespace {

constexpr milliseconds kInterval{100};  // between looks at what is used
constexpr milliseconds kPatience{2000};

struct Started {
  CallPlan call;
  const Task* task = nullptr;  // instead of a program
  std::optional<LedgerWriter> ledger;
  OpenTerminal terminal;
  std::string terminal_path;  // of its slave
  StartedProgram program;
  int landlock_abi = 0;
  std::vector<std::string> writable;  // host paths
};

Status drop_privileges() {
  TRY(sys::prctl(PR_SET_CHILD_SUBREAPER, 1, "PR_SET_CHILD_SUBREAPER"));
  TRY(sys::prctl(PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS"));
  TRY(sys::prctl(PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE"));
  return sys::drop_capabilities();
}

// The kernel counts all processes of the user. The watch, or a control group, counts those of the
// call; this is so that a fork bomb does not get far between two looks. It must not come before
// them, also when other processes of the user start meanwhile: they end the call, this does not.
std::uint64_t process_rlimit(const Limits& limits) {
  constexpr std::uint64_t kMargin = 64;
  struct rlimit inherited {};
  ::getrlimit(RLIMIT_NPROC, &inherited);
  return std::min<std::uint64_t>(inherited.rlim_max,
                                 tasks_of_this_user() + limits.processes + kMargin);
}

Result<Ruleset> rules_of(const RootPlan& root, Started& started) {
  std::vector<LandlockRule> rules = landlock_rules(root, started.task);
  // Nobody will look for what a task puts there, and none needs it.
  if (started.task == nullptr) rules.push_back({started.call.private_directory, Reach::kWrite});
  for (const LandlockRule& rule : rules) {
    if (rule.reach == Reach::kWrite) started.writable.push_back(rule.path);
  }
  Ruleset ruleset = TRY(make_ruleset(rules, Tier::kLandlock));
  if (!started.terminal.slave.valid() || !ruleset.fd.valid()) return ruleset;
  // By its name too, and no other terminal of the host's.
  started.terminal_path = path_of(started.terminal.slave);
  const std::uint64_t access = landlock_access(Reach::kDevice, false, ruleset.abi);
  if (add_landlock_rule(ruleset.fd.get(), started.terminal.slave.get(), access) < 0) {
    return fail(system_error("landlock_add_rule of the terminal", errno));
  }
  return ruleset;
}

// There is no devpts but the host's: its next free terminal, which belongs to the sandbox's user.
Status open_own_terminal(InitInputs& inputs, Started& started) {
  auto opened = open_terminal("/dev/ptmx", *started.call.terminal);
  if (!opened) {
    return fail(cannot_enforce(std::move(opened).error(),
                               "Run it without a terminal; or give the sandbox's user a /dev/ptmx "
                               "that it may open, or use a host with user namespaces"));
  }
  started.terminal = std::move(*opened);
  return use_as_streams(started.terminal, inputs.standard);
}

Status start_program(const RootPlan& root, const InitInputs& inputs, const Ruleset& ruleset,
                     Started& started) {
  if (ruleset.abi < kLeastAbiAlone) return fail(system_error("landlock_create_ruleset", ENOSYS));
  started.program = TRY(start_payload(root, started.call, inputs, ruleset));
  const auto listens = [](const FilterProgram& filter) { return filter.listener; };
  const auto& filters = filters_of(root, started.task);
  const bool one_listens = std::any_of(filters.begin(), filters.end(), listens);
  if (started.program.listener.valid() == one_listens) return {};
  return fail(system_error("no seccomp listener came", EBADMSG));
}

Status open_ledger(InitInputs& inputs, Started& started) {
  started.ledger.emplace(TRY(LedgerWriter::map(inputs.ledger)));
  inputs.ledger.reset();
  return {};
}

// In this order: the ruleset while paths may be opened, the program last.
Result<Started> set_up(const RootPlan& root, InitInputs& inputs, Stages& stages) {
  Started started;
  TRY(stages.run("descriptors", [&] { return close_unneeded(inputs); }));
  started.call = TRY(stages.run("plan", [&] { return read_call_plan(inputs); }));
  started.task = TRY(task_of(started.call, inputs));
  TRY(stages.run("ledger", [&] { return open_ledger(inputs, started); }));
  started.call.process_rlimit = process_rlimit(started.call.limits);
  TRY(stages.run("limits", [&] { return limit_this_process(started.call.limits); }));
  TRY(stages.run("privileges", [] { return drop_privileges(); }));
  if (started.call.terminal.has_value()) {
    TRY(stages.run("terminal", [&] { return open_own_terminal(inputs, started); }));
  }
  const Ruleset ruleset = TRY(stages.run("landlock", [&] { return rules_of(root, started); }));
  started.landlock_abi = ruleset.abi;
  TRY(stages.run(started.task == nullptr ? "program" : "task",
                 [&] { return start_program(root, inputs, ruleset, started); }));
  return started;
}

std::string slurp(const std::string& path) {
  constexpr std::size_t kMaxProcFile = 64 * 1024;
  const auto file = sys::open(path, O_RDONLY);
  if (!file) return {};
  auto content = sys::read_file(file->get(), kMaxProcFile);
  return content ? std::move(*content) : std::string();
}

// `name` begins with a line's end: a process may call itself "RssAnon:0", in the first line.
std::uint64_t value_of(const std::string& text, const char* name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + std::char_traits<char>::length(name), nullptr, 10);
}

// Of any thread that has memory, as all have but one that has ended. Its directory ends in '/'.
std::string thread_with_memory(const std::string& process) {
  constexpr const char* kHasMemory = "\nRssAnon:";
  constexpr int kTries = 3;  // threads may end between the list and the look
  if (slurp(process + "status").find(kHasMemory) != std::string::npos) return process;
  for (int i = 0; i < kTries; ++i) {
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir((process + "task").c_str()),
                                                   ::closedir);
    if (list == nullptr) break;
    while (const dirent* entry = ::readdir(list.get())) {
      if (entry->d_name[0] == '.') continue;
      std::string thread = process + "task/" + entry->d_name + "/";
      if (slurp(thread + "status").find(kHasMemory) != std::string::npos) return thread;
    }
  }
  return process;
}

// What the call uses at this moment, as /proc of the host tells it.
struct Use {
  std::uint64_t bytes = 0;
  std::uint64_t processes = 0;
  std::vector<FamilyTally::Reading> user;  // microseconds
  std::vector<FamilyTally::Reading> system;
  std::vector<FamilyTally::Reading> written;  // to disks, or to be (proc_pid_io(5))
};

std::uint64_t written_by(const std::string& process) {
  const std::string io = slurp(process + "io");
  const std::uint64_t written = value_of(io, "\nwrite_bytes:");
  return written - std::min(written, value_of(io, "\ncancelled_write_bytes:"));
}

// What was reaped by us: a child that nobody waited for comes here, and was read before as its own.
void add_reaped(Use& use) {
  constexpr std::uint64_t kBlock = 512;  // getrusage(2): ru_oublock
  struct rusage reaped {};
  ::getrusage(RUSAGE_CHILDREN, &reaped);
  const auto of = [](const struct timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(time.tv_usec);
  };
  const auto reading = [](std::uint64_t value) {
    return FamilyTally::Reading{::getpid(), 0, 0, value, value};
  };
  use.user.push_back(reading(of(reaped.ru_utime)));
  use.system.push_back(reading(of(reaped.ru_stime)));
  use.written.push_back(reading(static_cast<std::uint64_t>(reaped.ru_oublock) * kBlock));
}

// `exactly`: pages that several processes share count once (Pss, proc_pid_smaps(5)).
std::uint64_t memory_of(const std::string& process, bool exactly) {
  const std::string directory = thread_with_memory(process);
  const std::string status = slurp(directory + "status");
  const std::string rollup = exactly ? slurp(directory + "smaps_rollup") : std::string();
  std::uint64_t kilobytes = value_of(status, "\nVmSwap:") + value_of(status, "\nVmPTE:");
  kilobytes += rollup.empty() ? value_of(status, "\nRssAnon:") + value_of(status, "\nRssShmem:")
                              : value_of(rollup, "\nPss_Anon:") + value_of(rollup, "\nPss_Shmem:");
  return kilobytes << 10;
}

Use look(const std::vector<Descendant>& processes, bool exactly) {
  static const auto tick_us = 1'000'000ULL / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  Use use;
  for (const Descendant& process : processes) {
    const std::string directory = "/proc/" + std::to_string(process.pid) + "/";
    use.bytes += memory_of(directory, exactly);
    use.processes += value_of(slurp(directory + "status"), "\nThreads:");
    const auto reading = [&process](std::uint64_t value, std::uint64_t claimable) {
      return FamilyTally::Reading{process.pid, process.parent, process.started, value, claimable};
    };
    const std::uint64_t waited_user = process.waited_user_ticks * tick_us;
    const std::uint64_t waited_system = process.waited_system_ticks * tick_us;
    use.user.push_back(reading(process.user_ticks * tick_us + waited_user, waited_user));
    use.system.push_back(reading(process.system_ticks * tick_us + waited_system, waited_system));
    // Here the kernel adds what a child wrote to the parent's own.
    const std::uint64_t written = written_by(directory);
    use.written.push_back(reading(written, written));
  }
  add_reaped(use);
  return use;
}

// The C library asks for a name service (nscd) by a local socket whenever a user is looked up.
bool is_routine(const seccomp_data& call) {
  return call.nr == SYS_socket && call.args[0] == AF_UNIX;
}

// What the program's ruleset is made of: of rules_of(), and of its own process (payload.cc).
PathSurroundings surroundings(const RootPlan& root, const Started& started) {
  PathSurroundings around;
  around.tier = root.tier;
  around.level = root.observe;
  around.landlock = landlock_rules(root, started.task);
  around.landlock.push_back({started.call.private_directory, Reach::kWrite});
  around.landlock.push_back({"/proc/" + std::to_string(started.program.pid), Reach::kRead});
  if (!started.terminal_path.empty()) {
    around.landlock.push_back({started.terminal_path, Reach::kDevice});
  }
  return around;
}

class Keeper {
 public:
  Keeper(const RootPlan& root, InitInputs& inputs, Started& started)
      : refusals_(root.refusals),
        inputs_(inputs),
        started_(started),
        listener_(std::move(started.program.listener)),
        observer_(root, surroundings(root, started)),
        attributes_(started.writable) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    signals_.reset(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  [[noreturn]] void serve_until_end() {
    while (true) {
      struct pollfd events[4] = {{inputs_.channel.get(), POLLIN, 0},
                                 {signals_.get(), POLLIN, 0},
                                 {listener_.fd(), POLLIN, 0},
                                 {inputs_.zygote_life.get(), POLLIN, 0}};
      const auto left = std::chrono::ceil<milliseconds>(due_ - Clock::now()).count();
      const int wait = static_cast<int>(std::clamp<milliseconds::rep>(left, 0, kInterval.count()));
      if (::poll(events, 4, wait) < 0 && errno != EINTR) leave(1);
      if (events[3].revents != 0) leave(1);  // the zygote is gone
      if ((events[2].revents & POLLIN) != 0) answer();
      if (events[2].revents == POLLHUP) listener_.close();
      if (events[1].revents != 0) hear_children();
      if (events[0].revents != 0) hear_server();
      if (Clock::now() >= due_) watch();
    }
  }

 private:
  void tell(const Note& note) const {
    (void)sys::send_message(inputs_.channel.get(), encode(note));
  }

  // Kills everything below; then nobody is left who could need us.
  [[noreturn]] void leave(int code) {
    struct rusage ignored {};
    (void)end_descendants({}, kPatience, ignored);
    ::_exit(code);
  }

  [[noreturn]] void end_for(Kind reason) {
    Note over;
    over.kind = reason;
    tell(over);
    leave(1);
  }

  void hear_server() {
    const auto message = sys::receive_message(inputs_.channel.get());
    if (!message || message->data.empty()) leave(1);
    const auto note = decode_note(message->data);
    if (note && note->kind == Kind::kTerminate) signal_all(descendants(), SIGTERM);
  }

  void hear_children() {
    struct signalfd_siginfo info {};
    (void)!::read(signals_.get(), &info, sizeof info);
    while (true) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG | __WALL);
      if (pid <= 0) return;
      const auto limit = WIFSIGNALED(status)
                             ? signal_of_limit(WTERMSIG(status), started_.call.limits)
                             : std::nullopt;
      if (limit.has_value()) started_.ledger->record(*limit);
      if (pid == started_.program.pid) end_with(status);
    }
  }

  [[noreturn]] void end_with(int status) {
    struct rusage ignored {};
    (void)end_descendants({}, kPatience, ignored);
    Note ended;
    ended.kind = Kind::kExited;
    ended.wait_status = status;
    tell(ended);
    ::_exit(0);
  }

  void watch() {
    due_ = Clock::now() + kInterval;
    const Limits& limits = started_.call.limits;
    const std::vector<Descendant> processes = descendants();
    Use use = look(processes, false);
    const bool over = limits.memory_bytes != 0 && use.bytes > limits.memory_bytes;
    if (over) use = look(processes, true);
    user_.take(use.user);
    system_.take(use.system);
    written_.take(use.written);
    WatchedUsage seen;
    seen.peak_memory_bytes = use.bytes;
    seen.peak_processes = use.processes;
    seen.disk_bytes = written_.total() + reserved_;
    seen.user_us = user_.total();
    seen.system_us = system_.total();
    started_.ledger->raise(seen);
    const auto cpu = microseconds(seen.user_us + seen.system_us);
    if (limits.disk_bytes != 0 && seen.disk_bytes > limits.disk_bytes) end_for(Kind::kOverDisk);
    if (use.processes > limits.processes) end_for(Kind::kOverProcesses);
    if (over && use.bytes > limits.memory_bytes) end_for(Kind::kOverMemory);
    if (limits.cpu.count() != 0 && cpu > limits.cpu) end_for(Kind::kOverCpu);
  }

  // fallocate(2) is about to reserve this much.
  void reserve(std::uint64_t bytes) {
    constexpr std::uint64_t kMost = 1ULL << 62;  // so that sums do not wrap around
    reserved_ = std::min(reserved_ + std::min(bytes, kMost), kMost);
    WatchedUsage seen;
    seen.disk_bytes = written_.total() + reserved_;
    started_.ledger->raise(seen);
    const std::uint64_t most = started_.call.limits.disk_bytes;
    if (most != 0 && seen.disk_bytes > most) end_for(Kind::kOverDisk);
  }

  void answer() {
    const seccomp_notif* request = listener_.receive();
    if (request == nullptr) return;
    const seccomp_data& call = request->data;
    if (is_foreign(call)) return refuse_foreign_call(listener_, *request, *started_.ledger);
    // A profile's rules about system calls are for programs: a task is ours.
    if (started_.task == nullptr) {
      if (const auto rule = refused_by(refusals_, call)) return deny(*request, rule);
    }
    if (call.nr == SYS_fallocate) {
      reserve(reserved_by(call));
      return listener_.answer(request->id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    }
    if (FileAttributes::handles(call.nr)) {
      const int error = attributes_.perform(listener_.fd(), *request);
      if (error == EPERM) return deny_change(*request);
      return listener_.answer(request->id, error);
    }
    if (const int refusal = FileAttributes::refusal(call.nr); refusal != 0) {
      return listener_.answer(request->id, refusal);
    }
    if (observer_.observes(call)) return observer_.serve(listener_, *request, *started_.ledger);
    if (is_routine(call)) return listener_.answer(request->id, EPERM);
    deny(*request, std::nullopt);
  }

  void deny_change(const seccomp_notif& request) {
    const auto change = observer_.refused_change(listener_, request);
    if (!change.has_value()) return deny(request, std::nullopt);
    listener_.answer(request.id, EPERM);
    started_.ledger->record(*change);
  }

  void deny(const seccomp_notif& request, std::optional<std::uint16_t> rule) {
    started_.ledger->record(denied_request(listener_, request, rule));
    listener_.answer(request.id, EPERM);
  }

  const std::string& refusals_;
  InitInputs& inputs_;
  Started& started_;
  Listener listener_;
  Observer observer_;
  FileAttributes attributes_;
  OwnedFd signals_;
  TimePoint due_ = Clock::now() + milliseconds(20);
  FamilyTally user_{::getpid()};
  FamilyTally system_{::getpid()};
  FamilyTally written_{::getpid()};
  std::uint64_t reserved_ = 0;
};

}  // namespace

void landlock_init_main(const RootPlan& root, InitInputs inputs) {
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
    (void)sys::send_message(inputs.channel.get(), encode(note));
    ::_exit(1);
  }
  note.kind = Kind::kStarted;
  note.landlock_abi = started->landlock_abi;
  note.slow_notices = started->program.listener.valid() && !started->program.listener.synchronous();
  std::vector<int> fds;
  if (started->terminal.master.valid()) fds.push_back(started->terminal.master.get());
  (void)sys::send_message(inputs.channel.get(), encode(note), fds);
  started->terminal.master.reset();
  for (OwnedFd& stream : inputs.standard) stream.reset();
  inputs.notebook.reset();
  Keeper(root, inputs, *started).serve_until_end();
}

}  // namespace mayfly::sandbox
