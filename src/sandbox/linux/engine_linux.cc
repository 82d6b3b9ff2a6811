#include "sandbox/linux/engine_linux.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/requirements.h"

namespace mayfly::sandbox {
namespace {

std::string random_id() {
  static constexpr char kDigits[] = "0123456789abcdef";
  unsigned char bytes[12];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) std::abort();
  std::string id = "c_";
  for (const unsigned char byte : bytes) {
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

// What callers hold. It does not keep the engine alive: a call cannot outlive it anyway.
class Handle final : public Call {
 public:
  Handle(LinuxEngine& engine, const RunningCall& call)
      : engine_(engine),
        number_(call.number),
        id_(call.id),
        accepted_(call.accepted),
        waiting_(call.waiting),
        streams_(call.streams),
        job_wall_(call.limits.job_wall) {}
  const std::string& id() const override { return id_; }
  TimePoint started() const override { return accepted_; }
  bool waiting() const override { return *waiting_; }
  std::shared_ptr<OutputStream> out() const override { return streams_[0]; }
  std::shared_ptr<OutputStream> err() const override { return streams_[1]; }
  void cancel() override { engine_.cancel(number_, std::nullopt); }
  void terminate(milliseconds grace) override { engine_.cancel(number_, grace); }
  Status write_input(std::string) override { return fail(input_not_open()); }
  Status close_input() override { return fail(input_not_open()); }
  void become_job() override {
    engine_.post(number_, [wall = job_wall_](RunningCall& call) {
      if (!call.terminate_at.has_value() || wall <= call.limits.wall) return;
      call.limits.wall = wall;
      call.terminate_at = call.began + wall;
    });
  }

 private:
  LinuxEngine& engine_;
  const std::uint64_t number_;
  const std::string id_;
  const TimePoint accepted_;
  const std::shared_ptr<const std::atomic<bool>> waiting_;
  const std::array<std::shared_ptr<OutputStream>, 2> streams_;
  const milliseconds job_wall_;
};

Status tell_guards(const std::vector<std::shared_ptr<ProtectedPaths>>& guards) {
  for (std::size_t i = 0; i < guards.size(); ++i) {
    auto begun = guards[i]->call_started();
    if (begun) continue;
    for (std::size_t k = 0; k < i; ++k) (void)guards[k]->call_ended();
    return fail(std::move(begun).error());
  }
  return {};
}

// A program may open its own streams by name, as /dev/stdout: then it must own them.
void give_to(const Identity& identity, const OwnedFd& pipe) {
  if (::geteuid() == 0) (void)!::fchown(pipe.get(), identity.host_uid, identity.host_gid);
}

Result<OwnedFd> standard_input(Command& command, const Identity& identity) {
  if (command.stdin_pipe.valid()) {
    give_to(identity, command.stdin_pipe);
    return std::move(command.stdin_pipe);
  }
  if (command.stdin_bytes.has_value()) return sys::memfd("stdin", *command.stdin_bytes);
  return sys::open("/dev/null", O_RDONLY);
}

// The streams, the plan and the channel: the call keeps one end of each, the launch gets the other.
Result<LaunchFds> open_streams(RunningCall& call) {
  LaunchFds fds;
  fds.call_plan = TRY(sys::memfd("call-plan", encode(call.plan)));
  fds.standard[0] = TRY(standard_input(call.command, call.policy->identity));
  for (int stream = 0; stream < 2; ++stream) {
    sys::Pipe pipe = TRY(sys::pipe());
    ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
    call.output[stream] = std::move(pipe.read);
    give_to(call.policy->identity, pipe.write);
    fds.standard[stream + 1] = std::move(pipe.write);
  }
  sys::SocketPair channel = TRY(sys::socketpair_seqpacket());
  ::fcntl(channel.first.get(), F_SETFL, O_NONBLOCK);
  call.channel = std::move(channel.first);
  fds.channel = std::move(channel.second);
  fds.ledger = TRY(make_ledger());
  call.ledger.emplace(TRY(LedgerReader::map(fds.ledger)));
  return fds;
}

Error busy(const CallQueue& queue) {
  Error error;
  error.code = ErrorCode::kBusy;
  error.message = "no place is left: " + std::to_string(queue.running()) + " running and " +
                  std::to_string(queue.waiting()) +
                  " waiting are as many calls as the server allows (--max-calls, --max-queued)";
  error.remedy = "Stop a job that is not needed, or try again";
  if (const auto wait = queue.expected_wait(Clock::now()); wait.has_value()) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*wait).count();
    error.remedy += " in about " + std::to_string(std::max<long>(1, seconds)) + " s";
  } else {
    error.remedy += " later: those that run have been at it for long";
  }
  return error;
}

Error no_disk(const Limits& limits) {
  return input_error(ErrorCode::kHostCannotEnforce, "limits.io_bytes_per_second",
                     std::to_string(limits.io_bytes_per_second),
                     "the workspace is on no disk whose bandwidth can be limited",
                     "Leave this limit out, or put the workspace on a disk");
}

}  // namespace

LinuxEngine::LinuxEngine(EngineOptions options, std::unique_ptr<Prestart> early)
    : options_(std::move(options)),
      queue_(std::size_t(options_.max_calls), std::size_t(options_.max_queued)) {
  std::unique_ptr<ZygoteProcess> zygote(static_cast<ZygoteProcess*>(early.release()));
  zygotes_ = std::make_unique<ZygotePool>(std::move(zygote), [this](const Zygote& made) {
    watch(made.process->control.get(), Role::kZygote, made.number, EPOLLIN);
  });
}

LinuxEngine::~LinuxEngine() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    thread_.join();
  }
  launcher_.drain();
  finisher_.drain();
  zygotes_.reset();
  calls_.clear();
}

Status LinuxEngine::start_loop() {
  if (thread_.joinable()) return {};
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return fail(system_error("epoll_create1", errno));
  wake_ = TRY(sys::eventfd());
  watch(wake_.get(), Role::kWake, 0, EPOLLIN);
  thread_ = std::thread([this] { loop(); });
  return {};
}

void LinuxEngine::watch(int fd, Role role, std::uint64_t number, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = (std::uint64_t(role) << 56) | number;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void LinuxEngine::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void LinuxEngine::post_to_loop(std::function<void()> action) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(action));
  }
  wake();
}

void LinuxEngine::post(std::uint64_t number, std::function<void(RunningCall&)> action) {
  post_to_loop([this, number, action = std::move(action)] {
    if (const auto found = calls_.find(number); found != calls_.end()) {
      return action(*found->second);
    }
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(number);
    if (found != waiting_.end()) found->second->deferred.push_back(action);
  });
}

void LinuxEngine::cancel(std::uint64_t number, std::optional<milliseconds> grace) {
  std::shared_ptr<RunningCall> never_started;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.forget(number)) never_started = waiting_[number];
  }
  if (never_started == nullptr) {
    return post(number, [grace](RunningCall& call) { call.end(EndedBy::kCancelled, grace); });
  }
  post_to_loop([this, never_started] {
    never_started->killed_for = EndedBy::kCancelled;
    Error error;
    error.code = ErrorCode::kCancelled;
    error.message = "cancelled before it had a place to run";
    abandon(never_started, std::move(error));
  });
}

Result<std::vector<std::shared_ptr<ProtectedPaths>>> LinuxEngine::guards_for(const Policy& policy,
                                                                             const Zygote& zygote) {
  std::vector<std::shared_ptr<ProtectedPaths>> guards;
  ProtectedPaths::Options options;
  // Only a mount namespace can have directories that are read-only inside.
  options.bind = zygote.tier == Tier::kFull ? DirectoryBind::kInForce : DirectoryBind::kNone;
  options.additional = policy.protect;
  options.excluded = policy.unprotect;
  options.state_root = options_.state_root;
  for (const Workspace& area : zygote.areas.guarded) {
    Guard& guard = guards_[{area.path, options.bind, options.additional, options.excluded}];
    if (guard.paths == nullptr || guard.workspace != area) {
      guard = {area, TRY(ProtectedPaths::open(area, options))};
    }
    guards.push_back(guard.paths);
  }
  return guards;
}

// Everything about a call that can be refused before it takes a place.
Result<std::shared_ptr<RunningCall>> LinuxEngine::prepare(std::shared_ptr<const Policy> policy,
                                                          Command command, CallObserver observer) {
  TRY(check_task(command));
  TRY(check_requirements(*policy, zygotes_->cgroup_abilities()));
  auto call = std::make_shared<RunningCall>();
  call->enforcement =
      TRY(choose_enforcement(*policy, command.limits, zygotes_->cgroup_abilities()));
  if (call->enforcement.io == Enforcer::kCgroup &&
      cgroup_limits(*policy, command.limits, call->enforcement.cgroup, Moment::kLaunching)
          .io_devices.empty()) {
    return fail(no_disk(command.limits));
  }
  call->plan = TRY(plan_call(*policy, command));
  call->plan.watch_memory = call->enforcement.memory == Enforcer::kWatch;
  call->plan.watch_cpu = call->enforcement.cpu_time == Enforcer::kWatch;
  if (call->enforcement.processes == Enforcer::kCgroup) {
    // The group counts, since it also tells; the user namespace's count must not come before it.
    constexpr std::uint64_t kMargin = 64;
    call->plan.process_rlimit += kMargin;
  }
  call->id = random_id();
  call->caller = command.caller;
  call->limits = command.limits;
  call->policy = std::move(policy);
  call->command = std::move(command);
  call->observer = std::move(observer);
  call->streams = {std::make_shared<OutputStream>(), std::make_shared<OutputStream>()};
  call->accepted = Clock::now();
  return call;
}

Result<std::shared_ptr<Call>> LinuxEngine::start(std::shared_ptr<const Policy> policy,
                                                 Command command, CallObserver observer) {
  TRY(check_workspaces(*policy));
  {
    const std::lock_guard starting(starting_);
    TRY(start_loop());
  }
  const auto call = TRY(prepare(std::move(policy), std::move(command), std::move(observer)));
  std::shared_ptr<Handle> handle;
  CallQueue::Verdict verdict{};
  {
    const std::lock_guard lock(mutex_);
    call->number = next_number_++;
    verdict = queue_.enter(call->caller, call->number);
    if (verdict == CallQueue::Verdict::kFull) return fail(busy(queue_));
    waiting_[call->number] = call;
    *call->waiting = verdict == CallQueue::Verdict::kWait;
    handle = std::make_shared<Handle>(*this, *call);
  }
  if (verdict == CallQueue::Verdict::kWait) return handle;
  auto launched = launch(call);
  if (launched) return handle;
  {
    const std::lock_guard lock(mutex_);
    waiting_.erase(call->number);
  }
  release(*call);
  return fail(std::move(launched).error());
}

Status LinuxEngine::check_task(const Command& command) const {
  if (command.task.empty() || find_task(options_.tasks, command.task) != nullptr) return {};
  return fail(input_error(ErrorCode::kInvalidArgument, "task", text::one_line(command.task),
                          "this program has no task of that name",
                          "Name one of the table that the engine was given"));
}

// What could not write needs nobody to look afterwards for what it wrote.
bool LinuxEngine::writes_files(const RunningCall& call) const {
  const Task* task = find_task(options_.tasks, call.plan.task);
  return call.plan.task.empty() || task == nullptr || task->writes == TaskWrites::kFiles;
}

// From an accepted call to a process: fails only as long as the loop does not have it.
Status LinuxEngine::launch(const std::shared_ptr<RunningCall>& call) {
  const CgroupLimits usual = cgroup_limits(*call->policy, call->policy->limits,
                                           call->enforcement.cgroup, Moment::kLaunching);
  const CgroupLimits wanted =
      cgroup_limits(*call->policy, call->limits, call->enforcement.cgroup, Moment::kLaunching);
  // Policies are prepared one at a time. That may read a whole workspace, and no running call waits
  // for it.
  const std::shared_ptr<Zygote> zygote = TRY(zygotes_->get(call->policy, usual));
  call->tier = zygote->tier;
  if (call->tier == Tier::kLandlock) {
    const auto directories = TRY(zygotes_->private_directories(options_.state_root));
    const std::string path =
        TRY_TO("make a private directory", directories->make(call->id, *call->policy));
    call->private_directory = {nullptr,
                               [directories, id = call->id](void*) { directories->remove(id); }};
    use_private_directory(call->plan, *call->policy, path);
  }
  LaunchFds fds = TRY(open_streams(*call));
  Berth berth = TRY_TO("make a control group", zygotes_->take_berth(zygote));
  if (berth.cgroup != nullptr && wanted != usual) {
    TRY_TO("limit a control group", berth.cgroup->set_limits(wanted));
  }
  if (writes_files(*call)) {
    const std::lock_guard starting(starting_);
    call->guards = TRY(guards_for(*call->policy, *zygote));
    TRY(tell_guards(call->guards));
  }
  const Birth birth{berth.helper, berth.cgroup == nullptr ? -1 : berth.cgroup->directory()};
  call->cgroup = std::move(berth.cgroup);
  call->zygote = zygote->number;
  call->policy_digest = zygote->digest;
  call->began = Clock::now();
  zygotes_->call_began(*zygote);
  // The loop knows the call before the zygote can say anything of it, and owns it from here on.
  post_to_loop([this, call] { adopt(call); });
  if (!mayfly::sandbox::launch(*zygote->process, call->number, fds, birth)) {
    // It is dead or dying: lose_zygote knows why and ends the call, unless it has already been.
    post_to_loop([this, call, zygote] {
      if (zygotes_->find(zygote->number) != nullptr) return;
      call->failure = zygote->failure.value_or(zygote_lost());
      finish(call->number);
    });
  }
  return {};
}

void LinuxEngine::launch_waiting(std::uint64_t number) {
  std::shared_ptr<RunningCall> call;
  {
    const std::lock_guard lock(mutex_);
    call = waiting_[number];
  }
  auto launched = check_workspaces(*call->policy).and_then([&] { return launch(call); });
  if (launched) return;
  post_to_loop([this, call, error = std::move(launched).error()] {
    abandon(call, error);
    release(*call);
  });
}

void LinuxEngine::release(const RunningCall& call) {
  if (call.zygote != 0) zygotes_->call_ended(call.zygote);
  const auto took = call.began == TimePoint()
                        ? milliseconds{0}
                        : std::chrono::duration_cast<milliseconds>(call.finished - call.began);
  std::optional<std::uint64_t> next;
  {
    const std::lock_guard lock(mutex_);
    next = queue_.leave(call.caller, took, Clock::now());
  }
  if (next.has_value()) launcher_.post([this, number = *next] { launch_waiting(number); });
}

std::unique_ptr<Engine> make_engine(EngineOptions options, std::unique_ptr<Prestart> early) {
  return std::make_unique<LinuxEngine>(std::move(options), std::move(early));
}

}  // namespace mayfly::sandbox
