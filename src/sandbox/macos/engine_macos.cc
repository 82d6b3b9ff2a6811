#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "sandbox/engine.h"
#include "sandbox/host_probe.h"
#include "sandbox/macos/confined_process.h"
#include "sandbox/macos/seatbelt_profile.h"
#include "sandbox/settable.h"

// macOS has no namespaces: a call is a process group under a Seatbelt profile, with a thread of its
// own that reads its output, looks at the group ten times a second, and kills it.
//
// What this cannot do is not hidden: it is a weaker tier, for profiles that accept one, and what is
// not enforced is in the report's `unavailable`.
namespace mayfly::sandbox {
namespace {

constexpr int kTickMs = 100;
constexpr milliseconds kDrain{2000};  // for pipes that something outside of the group holds open

struct Pipe {
  OwnedFd read;
  OwnedFd write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe(ends) < 0) return fail(system_error("pipe", errno));
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  return Pipe{OwnedFd(ends[0]), OwnedFd(ends[1])};
}

Status refuse(const char* rule, const char* remedy) {
  Error error;
  error.message = std::string("macOS cannot enforce ") + rule;
  return fail(cannot_enforce(std::move(error), remedy));
}

Status check_policy(const Policy& policy) {
  const char* const linux = "Run Mayfly on Linux, or use a profile that does without it";
  if (policy.weakest_tier == Tier::kFull) {
    return refuse("tier full", "Use a profile that accepts a weaker tier, or run Mayfly on Linux");
  }
  if (!policy.accepts_watched.memory) return refuse("a memory limit that is not watched", linux);
  if (policy.limits.cpu.count() > 0) return refuse("a limit on the CPU time of a group", linux);
  if (policy.limits.cpu_percent > 0) return refuse("a share of CPU", linux);
  if (policy.limits.io_bytes_per_second > 0) return refuse("a limit on I/O", linux);
  for (const MountRule& mount : policy.mounts) {
    if (mount.source != mount.destination) return refuse("a path under another name", linux);
  }
  return {};
}

// A directory that is made for one call and goes with it.
class PrivateDirectory {
 public:
  Status make() {
    std::string name = "/private/tmp/mayfly-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return fail(system_error("mkdtemp", errno));
    path_ = name;
    return {};
  }
  ~PrivateDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Fed from an unlinked file: a program that does not read holds nobody up.
Result<OwnedFd> input_of(Command& command, const std::string& directory) {
  if (command.stdin_pipe.valid()) return std::move(command.stdin_pipe);
  if (!command.stdin_bytes) {
    OwnedFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null.valid()) return fail(system_error("open /dev/null", errno));
    return null;
  }
  std::string name = directory + "/stdin-XXXXXX";
  OwnedFd file(::mkstemp(name.data()));
  if (!file.valid()) return fail(system_error("mkstemp", errno));
  ::fcntl(file.get(), F_SETFD, FD_CLOEXEC);
  ::unlink(name.c_str());
  std::string_view left = *command.stdin_bytes;
  while (!left.empty()) {
    const ssize_t wrote = ::write(file.get(), left.data(), left.size());
    if (wrote < 0 && errno != EINTR) return fail(system_error("write stdin", errno));
    if (wrote > 0) left.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (::lseek(file.get(), 0, SEEK_SET) < 0) return fail(system_error("lseek stdin", errno));
  return file;
}

microseconds to_time(const struct timeval& time) {
  return std::chrono::seconds(time.tv_sec) + microseconds(time.tv_usec);
}

class MacCall final : public Call {
 public:
  MacCall(std::string id, std::shared_ptr<const Policy> policy, Command command,
          CallObserver observer, milliseconds grace)
      : id_(std::move(id)),
        policy_(std::move(policy)),
        command_(std::move(command)),
        observer_(std::move(observer)),
        grace_(grace),
        wall_(command_.limits.wall.count()) {}

  const std::string& id() const override { return id_; }
  TimePoint started() const override { return started_; }
  std::shared_ptr<OutputStream> out() const override { return streams_[0]; }
  std::shared_ptr<OutputStream> err() const override { return streams_[1]; }
  void cancel() override { cancelled_ = true; }
  void terminate(milliseconds grace) override {
    terminate_grace_ = grace.count();
    terminated_ = true;
  }
  Status write_input(std::string) override { return fail(input_not_open()); }
  Status close_input() override { return fail(input_not_open()); }
  void become_job() override { wall_ = command_.limits.job_wall.count(); }

  void run();  // in the call's thread

 private:
  Status start();
  void follow();
  bool read_some(int stream);
  void watch();
  void end(EndedBy why, milliseconds grace);
  void kill_group(int signal) { (void)::kill(-pid_, signal); }
  bool reap();
  Report report() const;

  const std::string id_;
  const std::shared_ptr<const Policy> policy_;
  Command command_;
  CallObserver observer_;
  const milliseconds grace_;
  const TimePoint started_ = Clock::now();
  const std::shared_ptr<OutputStream> streams_[2] = {std::make_shared<OutputStream>(),
                                                     std::make_shared<OutputStream>()};
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> terminated_ = false;
  std::atomic<std::int64_t> terminate_grace_ = 0;
  std::atomic<std::int64_t> wall_;

  PrivateDirectory private_;
  OwnedFd output_[2];
  pid_t pid_ = -1;
  std::optional<int> status_;
  struct rusage usage_ {};
  std::optional<EndedBy> ended_by_;
  std::optional<TimePoint> kill_at_;
  TimePoint next_look_;
  std::optional<Error> failure_;
  GroupUse peak_;
  std::uint64_t output_total_ = 0;
};

Status MacCall::start() {
  TRY(private_.make());
  ConfinedStart start;
  start.profile = seatbelt_profile(*policy_);
  start.private_directory = private_.path();
  start.argv = command_.argv;
  start.environment = policy_->environment;
  for (auto& [name, value] : command_.environment) start.environment.emplace_back(name, value);
  for (const char* name : {"HOME", "TMPDIR", "SCRATCH"}) {
    std::erase_if(start.environment, [&](const auto& entry) { return entry.first == name; });
    start.environment.emplace_back(name, private_.path());
  }
  start.cwd = command_.cwd.empty() ? policy_->workspaces.front().path : command_.cwd;
  start.limits = command_.limits;
  start.standard[0] = TRY(input_of(command_, private_.path()));
  for (std::size_t i = 0; i < 2; ++i) {
    Pipe pipe = TRY(make_pipe());
    ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
    output_[i] = std::move(pipe.read);
    start.standard[i + 1] = std::move(pipe.write);
  }
  pid_ = TRY(start_confined(start));
  return {};
}

// False once the stream is at its end.
bool MacCall::read_some(int stream) {
  char buffer[65536];
  OwnedFd& fd = output_[stream];
  const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) {
    fd.reset();
    return false;
  }
  const auto size = static_cast<std::size_t>(got);
  const std::uint64_t most = command_.limits.output_bytes;
  const std::size_t kept = std::min<std::uint64_t>(size, most - std::min(output_total_, most));
  output_total_ += size;
  streams_[stream]->append(buffer, kept);
  if (observer_.on_output && kept > 0) observer_.on_output(stream, buffer, kept);
  if (kept < size) end(EndedBy::kOutput, milliseconds{0});
  return true;
}

void MacCall::end(EndedBy why, milliseconds grace) {
  if (!ended_by_) ended_by_ = why;
  if (grace.count() > 0) {
    if (!kill_at_) kill_group(SIGTERM);
    if (!kill_at_) kill_at_ = Clock::now() + grace;
  } else {
    kill_group(SIGKILL);
  }
}

void MacCall::watch() {
  if (Clock::now() < next_look_) return;
  next_look_ = Clock::now() + milliseconds{kTickMs};
  const GroupUse use = look_at_group(pid_);
  peak_.processes = std::max(peak_.processes, use.processes);
  peak_.memory_bytes = std::max(peak_.memory_bytes, use.memory_bytes);
  if (use.memory_bytes > command_.limits.memory_bytes) end(EndedBy::kMemory, milliseconds{0});
  if (use.processes > command_.limits.processes) end(EndedBy::kPids, milliseconds{0});
  if (cancelled_) end(EndedBy::kCancelled, milliseconds{0});
  if (terminated_) end(EndedBy::kCancelled, milliseconds{terminate_grace_});
  if (Clock::now() - started_ > milliseconds{wall_}) end(EndedBy::kTimeout, grace_);
  if (kill_at_ && Clock::now() > *kill_at_) kill_group(SIGKILL);
}

bool MacCall::reap() {
  if (status_) return true;
  siginfo_t ended{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      ended.si_pid != pid_) {
    return false;
  }
  // As long as its leader is not reaped the group's number is not given to anybody else.
  kill_group(SIGKILL);
  int status = 0;
  while (::wait4(pid_, &status, 0, &usage_) < 0 && errno == EINTR) {
  }
  status_ = status;
  return true;
}

void MacCall::follow() {
  std::optional<TimePoint> give_up;
  while (output_[0].valid() || output_[1].valid() || !status_) {
    struct pollfd events[2] = {{output_[0].get(), POLLIN, 0}, {output_[1].get(), POLLIN, 0}};
    ::poll(events, 2, kTickMs);
    for (int i = 0; i < 2; ++i) {
      if (events[i].revents != 0 && output_[i].valid()) (void)read_some(i);
    }
    if (!status_) watch();
    if (reap() && !give_up) give_up = Clock::now() + kDrain;
    if (give_up && Clock::now() > *give_up) return;
  }
}

Report MacCall::report() const {
  Report report;
  report.call_id = id_;
  report.profile = policy_->profile;
  report.tier = "seatbelt";
  report.policy_digest = digest(*policy_);
  report.out = streams_[0];
  report.err = streams_[1];
  report.usage.wall = std::chrono::duration_cast<microseconds>(Clock::now() - started_);
  if (failure_) {
    report.ended_by = EndedBy::kSetup;
    report.setup_error = failure_;
    return report;
  }
  report.layers = {"Seatbelt profile", "resource limits", "process group"};
  report.usage.user = to_time(usage_.ru_utime);
  report.usage.system = to_time(usage_.ru_stime);
  report.usage.peak_memory_bytes = peak_.memory_bytes;
  report.usage.peak_processes = peak_.processes;
  const int status = status_.value_or(SIGKILL);
  if (WIFEXITED(status)) {
    report.exit_code = WEXITSTATUS(status);
    report.ended_by = EndedBy::kExit;
  } else {
    report.signal = WTERMSIG(status);
    report.ended_by = EndedBy::kSignal;
    if (*report.signal == SIGXFSZ) report.ended_by = EndedBy::kDisk;
  }
  if (ended_by_) report.ended_by = *ended_by_;
  const auto wall = static_cast<std::uint64_t>(wall_.load());
  const char* const watched = "watch at 10 Hz";
  report.limits = {
      {"wall_ms", wall, std::nullopt, report.ended_by == EndedBy::kTimeout, "supervisor"},
      {"memory_bytes", command_.limits.memory_bytes, peak_.memory_bytes,
       report.ended_by == EndedBy::kMemory, watched},
      {"processes", command_.limits.processes, peak_.processes, report.ended_by == EndedBy::kPids,
       watched},
      {"output_bytes", command_.limits.output_bytes, output_total_,
       report.ended_by == EndedBy::kOutput, "supervisor"},
      {"file_bytes", command_.limits.file_bytes, std::nullopt, report.ended_by == EndedBy::kDisk,
       "rlimit"}};
  report.unavailable = {
      {"disk_bytes, tmp_bytes, shm_bytes", "macOS has no limit on what a group writes"},
      {"processes that leave their process group", "macOS has nothing that holds them"},
      {"violations", "Seatbelt tells the system's log, not us"},
      {"build cache", "macOS has no private view of the home directory"}};
  return report;
}

void MacCall::run() {
  if (auto started = start(); !started) {
    failure_ = std::move(started).error();
    if (failure_->code == ErrorCode::kSystemCall) failure_->code = ErrorCode::kSetupFailed;
  } else {
    follow();
  }
  if (observer_.on_finish) observer_.on_finish(report());
}

class MacEngine final : public Engine {
 public:
  explicit MacEngine(EngineOptions options) : options_(std::move(options)) {}
  ~MacEngine() override {
    // No call is started any more; those that run are cancelled, and waited for outside the lock,
    // since their observers may ask this engine.
    std::vector<Running> left;
    {
      const std::lock_guard lock(mutex_);
      left.swap(running_);
    }
    for (Running& one : left) one.call->cancel();
    for (Running& one : left) one.thread.join();
  }

  Result<std::shared_ptr<Call>> start(std::shared_ptr<const Policy> policy, Command command,
                                      CallObserver observer) override {
    if (!command.task.empty()) {
      TRY(refuse("a task: a function of this program's own in a sandbox", "Run Mayfly on Linux"));
    }
    TRY(check_policy(*policy));
    TRY(check_workspaces(*policy));
    TRY(check_settable(*policy, command));
    const std::lock_guard lock(mutex_);
    collect();
    if (running_.size() >= static_cast<std::size_t>(options_.max_calls)) {
      return fail(input_error(ErrorCode::kBusy, "calls", std::to_string(running_.size()),
                              "as many calls are running as the server allows",
                              "Wait for one of them to end, or stop a job, and try again"));
    }
    auto call =
        std::make_shared<MacCall>("c_" + std::to_string(++number_), std::move(policy),
                                  std::move(command), std::move(observer), options_.kill_grace);
    auto done = std::make_shared<std::atomic<bool>>(false);
    running_.push_back({call, done, std::thread([call, done] {
                          call->run();
                          *done = true;
                        })});
    return call;
  }

 private:
  struct Running {
    std::shared_ptr<MacCall> call;
    std::shared_ptr<std::atomic<bool>> done;
    std::thread thread;
  };
  void collect() {
    std::erase_if(running_, [](Running& one) {
      if (!*one.done) return false;
      one.thread.join();
      return true;
    });
  }

  const EngineOptions options_;
  std::mutex mutex_;
  std::vector<Running> running_;
  std::uint64_t number_ = 0;
};

}  // namespace

Result<std::unique_ptr<Prestart>> prestart() { return std::make_unique<Prestart>(); }

std::optional<int> helper_main(int, char**, TaskTable) { return std::nullopt; }

std::unique_ptr<Engine> make_engine(EngineOptions options, std::unique_ptr<Prestart>) {
  return std::make_unique<MacEngine>(std::move(options));
}

}  // namespace mayfly::sandbox
