#include "sandbox/linux/landlock_init.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/sys.h"
#include "sandbox/linux/descendants.h"
#include "sandbox/linux/file_attributes.h"
#include "sandbox/linux/messages.h"
#include "sandbox/linux/payload.h"
#include "sandbox/linux/stages.h"
#include "sandbox/linux/syscall_text.h"

namespace mayfly::sandbox {
namespace {

constexpr milliseconds kInterval{100};  // between looks at what is used
constexpr milliseconds kPatience{2000};
constexpr std::size_t kMaxKinds = 100;

struct Started {
  CallPlan call;
  pid_t program = 0;
  int landlock_abi = 0;
  OwnedFd listener;
  std::vector<std::string> writable;  // host paths
};

Status drop_privileges() {
  TRY(sys::prctl(PR_SET_CHILD_SUBREAPER, 1, "PR_SET_CHILD_SUBREAPER"));
  TRY(sys::prctl(PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS"));
  TRY(sys::prctl(PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE"));
  return sys::drop_capabilities();
}

// The kernel counts all processes of the user. The watch counts those of the call; this is so that
// a fork bomb does not get far between two looks.
std::uint64_t process_rlimit(const Limits& limits) {
  struct rlimit inherited {};
  ::getrlimit(RLIMIT_NPROC, &inherited);
  return std::min<std::uint64_t>(inherited.rlim_max, tasks_of_this_user() + limits.processes);
}

Result<Ruleset> rules_of(const RootPlan& root, Started& started) {
  std::vector<LandlockRule> rules = root.landlock;
  rules.push_back({started.call.private_directory, Reach::kWrite});
  for (const LandlockRule& rule : rules) {
    if (rule.reach == Reach::kWrite) started.writable.push_back(rule.path);
  }
  return make_ruleset(rules, Tier::kLandlock);
}

// start_payload sends the listener to whom `channel` leads: here that is ourselves.
Status start_program(const RootPlan& root, InitInputs& inputs, const Ruleset& ruleset,
                     Started& started) {
  if (ruleset.abi < kLeastAbiAlone) return fail(system_error("landlock_create_ruleset", ENOSYS));
  auto [ours, theirs] = TRY(sys::socketpair_seqpacket());
  std::swap(inputs.channel, theirs);
  auto program = start_payload(root, started.call, inputs, ruleset);
  std::swap(inputs.channel, theirs);
  theirs.reset();
  started.program = TRY(std::move(program));
  auto message = TRY(sys::receive_message(ours.get()));
  if (message.fds.empty()) return fail(system_error("no seccomp listener came", EBADMSG));
  started.listener = std::move(message.fds.front());
  return {};
}

// In this order: the ruleset while paths may be opened, the program last.
Result<Started> set_up(const RootPlan& root, InitInputs& inputs, Stages& stages) {
  Started started;
  TRY(stages.run("descriptors", [&] { return close_unneeded(inputs); }));
  started.call = TRY(stages.run("plan", [&] { return read_call_plan(inputs); }));
  started.call.process_rlimit = process_rlimit(started.call.limits);
  TRY(stages.run("limits", [&] { return limit_this_process(started.call.limits); }));
  TRY(stages.run("privileges", [] { return drop_privileges(); }));
  const Ruleset ruleset = TRY(stages.run("landlock", [&] { return rules_of(root, started); }));
  started.landlock_abi = ruleset.abi;
  TRY(stages.run("program", [&] { return start_program(root, inputs, ruleset, started); }));
  return started;
}

std::string slurp(const std::string& path) {
  constexpr std::size_t kMaxProcFile = 64 * 1024;
  const auto file = sys::open(path, O_RDONLY);
  if (!file) return {};
  auto content = sys::read_file(file->get(), kMaxProcFile);
  return content ? std::move(*content) : std::string();
}

std::uint64_t value_of(const std::string& text, const char* name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + std::char_traits<char>::length(name), nullptr, 10);
}

// What the call uses at this moment, as /proc of the host tells it.
struct Use {
  std::uint64_t bytes = 0;
  std::uint64_t processes = 0;
  std::uint64_t ticks = 0;
};

// `exactly`: pages that several processes share count once (Pss, proc_pid_smaps(5)).
Use look(const std::vector<Descendant>& processes, bool exactly) {
  Use use;
  for (const Descendant& process : processes) {
    const std::string directory = "/proc/" + std::to_string(process.pid);
    const std::string status = slurp(directory + "/status");
    const std::string rollup = exactly ? slurp(directory + "/smaps_rollup") : std::string();
    std::uint64_t kilobytes = value_of(status, "VmSwap:") + value_of(status, "VmPTE:");
    kilobytes += rollup.empty() ? value_of(status, "RssAnon:") + value_of(status, "RssShmem:")
                                : value_of(rollup, "Pss_Anon:") + value_of(rollup, "Pss_Shmem:");
    use.bytes += kilobytes << 10;
    use.processes += value_of(status, "\nThreads:");
    use.ticks += process.ticks;
  }
  return use;
}

class Keeper {
 public:
  Keeper(InitInputs& inputs, Started& started)
      : inputs_(inputs), started_(started), attributes_(started.writable) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    signals_.reset(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  [[noreturn]] void serve_until_end() {
    while (true) {
      struct pollfd events[4] = {{inputs_.channel.get(), POLLIN, 0},
                                 {signals_.get(), POLLIN, 0},
                                 {started_.listener.get(), POLLIN, 0},
                                 {inputs_.zygote_life.get(), POLLIN, 0}};
      const auto left = std::chrono::ceil<milliseconds>(due_ - Clock::now()).count();
      const int wait = static_cast<int>(std::clamp<milliseconds::rep>(left, 0, kInterval.count()));
      if (::poll(events, 4, wait) < 0 && errno != EINTR) leave(1);
      if (events[3].revents != 0) leave(1);  // the zygote is gone
      if ((events[2].revents & POLLIN) != 0) answer();
      if (events[2].revents == POLLHUP) started_.listener.reset();
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
    over.bytes = peak_bytes_;
    over.peak_processes = peak_processes_;
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
      if (pid == started_.program) end_with(status);
    }
  }

  [[noreturn]] void end_with(int status) {
    struct rusage ignored {};
    (void)end_descendants({}, kPatience, ignored);
    tell_counts();
    Note ended;
    ended.kind = Kind::kExited;
    ended.wait_status = status;
    ended.bytes = peak_bytes_;
    ended.peak_processes = peak_processes_;
    tell(ended);
    ::_exit(0);
  }

  void watch() {
    due_ = Clock::now() + kInterval;
    const Limits& limits = started_.call.limits;
    const std::vector<Descendant> processes = descendants();
    Use use = look(processes, false);
    peak_processes_ = std::max(peak_processes_, use.processes);
    if (use.processes > limits.processes) end_for(Kind::kOverProcesses);
    if (limits.memory_bytes != 0 && use.bytes > limits.memory_bytes) use = look(processes, true);
    peak_bytes_ = std::max(peak_bytes_, use.bytes);
    if (limits.memory_bytes != 0 && use.bytes > limits.memory_bytes) end_for(Kind::kOverMemory);
    if (limits.cpu.count() != 0 && cpu_time(use) > limits.cpu) end_for(Kind::kOverCpu);
  }

  // Of what runs and of what was reaped, by us or below.
  static microseconds cpu_time(const Use& use) {
    struct rusage reaped {};
    ::getrusage(RUSAGE_CHILDREN, &reaped);
    const auto of = [](const struct timeval& time) {
      return std::chrono::seconds(time.tv_sec) + microseconds(time.tv_usec);
    };
    static const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    return of(reaped.ru_utime) + of(reaped.ru_stime) +
           microseconds(use.ticks * 1'000'000 / per_second);
  }

  void answer() {
    seccomp_notif request{};
    if (::ioctl(started_.listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) return;
    seccomp_notif_resp response{};
    response.id = request.id;
    const int refusal = FileAttributes::refusal(request.data.nr);
    if (FileAttributes::handles(request.data.nr)) {
      response.error = -attributes_.perform(started_.listener.get(), request);
    } else {
      response.error = refusal != 0 ? -refusal : -EPERM;
    }
    (void)::ioctl(started_.listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
    if (response.error != -EPERM || refusal != 0 || is_routine_probe(request.data)) return;
    count(describe_call(request.data));
  }

  // The first of a kind is told at once, and how many there were in the end.
  void count(const CallText& text) {
    const auto key = std::pair(text.operation, text.target);
    if (denied_.size() >= kMaxKinds && denied_.count(key) == 0) return;
    if (denied_[key]++ == 0) tell_denied(key, 1);
  }

  void tell_counts() const {
    for (const auto& [key, times] : denied_) {
      if (times > 1) tell_denied(key, times - 1);
    }
  }

  void tell_denied(const std::pair<std::string, std::string>& call, std::uint64_t times) const {
    Note denied;
    denied.kind = Kind::kDenied;
    denied.bytes = times;
    denied.error.field = call.first;
    denied.error.value = call.second;
    tell(denied);
  }

  InitInputs& inputs_;
  Started& started_;
  FileAttributes attributes_;
  OwnedFd signals_;
  TimePoint due_ = Clock::now() + milliseconds(20);
  std::uint64_t peak_bytes_ = 0;
  std::uint64_t peak_processes_ = 0;
  std::map<std::pair<std::string, std::string>, std::uint64_t> denied_;
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
  (void)sys::send_message(inputs.channel.get(), encode(note));
  for (OwnedFd& stream : inputs.standard) stream.reset();
  Keeper(inputs, *started).serve_until_end();
}

}  // namespace mayfly::sandbox
