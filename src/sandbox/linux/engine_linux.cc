#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include "base/sys.h"
#include "sandbox/engine.h"
#include "sandbox/linux/finisher.h"
#include "sandbox/linux/running_call.h"
#include "sandbox/linux/socket_owners.h"
#include "sandbox/linux/zygote_client.h"
#include "sandbox/set_id_files.h"

// The engine: one thread with one epoll for everything that running calls do.
//
// A caller's thread makes the plans, the pipes and (rarely) a zygote, hands the call to the loop
// and sends the launch; from then on the call belongs to the loop alone. Other threads reach it
// only by posting a function. What may take long at a call's end, looking for host code in the
// workspace, is done by the Finisher's thread, which then tells the observer.
namespace mayfly::sandbox {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kMaxZygotes = 16;

// What an epoll event is about, packed into its 64 bits: a role and a number.
enum class Role : std::uint8_t { kWake, kZygote, kStdout, kStderr, kChannel };
std::uint64_t tag(Role role, std::uint64_t number) { return (std::uint64_t(role) << 56) | number; }
Role role_of(std::uint64_t tag) { return static_cast<Role>(tag >> 56); }
std::uint64_t number_of(std::uint64_t tag) { return tag & ((1ULL << 56) - 1); }

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

CacheLocation location_of(const Policy& policy) {
  const CachePolicy& cache = *policy.cache;
  return {cache.root, cache.workspace, policy.profile, cache.owner_uid, cache.owner_gid};
}

class LinuxEngine final : public Engine {
 public:
  LinuxEngine(EngineOptions options, std::unique_ptr<Prestart> early)
      : options_(options), early_(static_cast<ZygoteProcess*>(early.release())) {}
  ~LinuxEngine() override;

  Result<std::shared_ptr<Call>> start(std::shared_ptr<const Policy> policy, Command command,
                                      CallObserver observer) override;

  // For handles: runs `action` on the call in the loop's thread, if it still runs.
  void post(std::uint64_t number, std::function<void(RunningCall&)> action);
  milliseconds kill_grace() const { return options_.kill_grace; }

 private:
  struct Zygote {
    std::uint64_t number = 0;
    std::string digest;
    std::unique_ptr<ZygoteProcess> process;
    std::vector<StageTime> stages;  // of configuring, for the first call's report
    std::optional<Error> failure;
    std::optional<CacheSet> cache;  // locked against removal while its sandboxes use it
    TimePoint last_used;
    int calls = 0;
  };

  struct Guard {
    Workspace workspace;
    std::shared_ptr<ProtectedPaths> paths;
  };

  Status start_loop();
  Result<std::shared_ptr<Zygote>> zygote_for(const Policy& policy);
  void retire_idle_zygote();
  Result<Admission> admit();
  void trim_once(const std::string& cache_root);
  Result<std::vector<std::shared_ptr<ProtectedPaths>>> guards_for(const Policy& policy);
  void watch(int fd, Role role, std::uint64_t number) const;
  void wake() const;

  // All below run in the loop's thread.
  void loop();
  int milliseconds_to_next_deadline() const;
  void run_posted();
  void meet_deadlines();
  void handle(std::uint64_t what);
  void hear_zygote(std::uint64_t number);
  void lose_zygote(std::uint64_t number);
  void hear_init(RunningCall& call);
  std::vector<std::uint64_t> others_of_caller(const RunningCall& call) const;
  void pass_on(SocketOwners::Messages messages);
  void read_output(RunningCall& call, int stream);
  void finish(std::uint64_t number);

  const EngineOptions options_;
  std::unique_ptr<ZygoteProcess> early_;

  std::shared_ptr<std::atomic<int>> active_ = std::make_shared<std::atomic<int>>(0);
  std::mutex starting_;  // guards what only callers' threads use: early_, guards_, trimmed_
  std::mutex mutex_;     // guards what they share with the loop, for a moment at a time
  bool stopping_ = false;
  std::vector<std::function<void()>> posted_;
  std::map<std::uint64_t, std::shared_ptr<Zygote>> zygotes_;
  std::map<std::string, Guard> guards_;  // by workspace path
  std::uint64_t next_number_ = 1;
  bool trimmed_ = false;

  OwnedFd epoll_;
  OwnedFd wake_;
  std::thread thread_;
  std::map<std::uint64_t, std::shared_ptr<RunningCall>> calls_;  // the loop's own
  SocketOwners owners_;                                          // the loop's own
  Finisher finisher_;
};

// What callers hold. It does not keep the engine alive: a call cannot outlive it anyway.
class Handle final : public Call {
 public:
  Handle(LinuxEngine& engine, const RunningCall& call)
      : engine_(engine),
        number_(call.number),
        id_(call.id),
        began_(call.began),
        streams_(call.streams),
        job_wall_(call.limits.job_wall) {}
  const std::string& id() const override { return id_; }
  TimePoint started() const override { return began_; }
  std::shared_ptr<OutputStream> out() const override { return streams_[0]; }
  std::shared_ptr<OutputStream> err() const override { return streams_[1]; }
  void cancel() override {
    engine_.post(number_, [](RunningCall& call) { call.end(EndedBy::kCancelled, std::nullopt); });
  }
  void terminate(milliseconds grace) override {
    engine_.post(number_, [grace](RunningCall& call) { call.end(EndedBy::kCancelled, grace); });
  }
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
  const TimePoint began_;
  const std::array<std::shared_ptr<OutputStream>, 2> streams_;
  const milliseconds job_wall_;
};

LinuxEngine::~LinuxEngine() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    thread_.join();
  }
  finisher_.drain();
  if (early_ != nullptr) {
    early_->control.reset();
    reap_zygote(*early_);
  }
  for (auto& [number, zygote] : zygotes_) {
    zygote->process->control.reset();
    reap_zygote(*zygote->process);
  }
}

Status LinuxEngine::start_loop() {
  if (thread_.joinable()) return {};
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return fail(system_error("epoll_create1", errno));
  wake_ = TRY(sys::eventfd());
  watch(wake_.get(), Role::kWake, 0);
  thread_ = std::thread([this] { loop(); });
  return {};
}

void LinuxEngine::watch(int fd, Role role, std::uint64_t number) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag(role, number);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void LinuxEngine::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void LinuxEngine::post(std::uint64_t number, std::function<void(RunningCall&)> action) {
  {
    const std::lock_guard lock(mutex_);
    posted_.emplace_back([this, number, action = std::move(action)] {
      const auto found = calls_.find(number);
      if (found != calls_.end()) action(*found->second);
    });
  }
  wake();
}

void LinuxEngine::retire_idle_zygote() {
  std::shared_ptr<Zygote> oldest;
  for (const auto& [number, zygote] : zygotes_) {
    if (zygote->calls > 0) continue;
    if (oldest == nullptr || zygote->last_used < oldest->last_used) oldest = zygote;
  }
  if (oldest == nullptr) return;
  ::shutdown(oldest->process->control.get(), SHUT_RDWR);  // it exits; the loop hears and reaps it
  oldest->failure = system_error("the zygote was retired", ESHUTDOWN);
}

// Reading a whole cache takes time that no call should wait for, nor the server's end: the thread
// shares nothing with the rest and stops with the process.
void LinuxEngine::trim_once(const std::string& cache_root) {
  if (std::exchange(trimmed_, true)) return;
  std::thread([cache_root] { (void)trim_cache(cache_root, kDefaultCacheBytes); }).detach();
}

Result<std::shared_ptr<LinuxEngine::Zygote>> LinuxEngine::zygote_for(const Policy& policy) {
  const std::string wanted = digest(policy);
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, zygote] : zygotes_) {
      if (zygote->digest == wanted && !zygote->failure.has_value()) return zygote;
    }
    if (zygotes_.size() >= kMaxZygotes) retire_idle_zygote();
  }
  auto zygote = std::make_shared<Zygote>();
  Surroundings surroundings;
  if (policy.cache.has_value()) {
    zygote->cache = TRY(open_cache(location_of(policy)));
    surroundings.caches = zygote->cache->directories;
    trim_once(policy.cache->root);
  }
  if (policy.workspace_access == WorkspaceAccess::kReadWrite) {
    for (const Workspace& workspace : policy.workspaces) {
      for (std::string& path : TRY(find_set_id_files(workspace))) {
        surroundings.set_id_files.emplace_back(workspace.path, std::move(path));
      }
    }
  }
  const RootPlan plan = TRY(plan_root(policy, surroundings));
  zygote->process = early_ != nullptr ? std::move(early_) : TRY(spawn_zygote());
  zygote->digest = wanted;
  TRY_TO("configure a zygote", configure_zygote(*zygote->process, plan));
  const std::lock_guard lock(mutex_);
  zygote->number = next_number_++;
  zygotes_[zygote->number] = zygote;
  watch(zygote->process->control.get(), Role::kZygote, zygote->number);
  return zygote;
}

Result<std::vector<std::shared_ptr<ProtectedPaths>>> LinuxEngine::guards_for(const Policy& policy) {
  std::vector<std::shared_ptr<ProtectedPaths>> guards;
  if (policy.workspace_access == WorkspaceAccess::kReadOnly) return guards;
  for (const Workspace& workspace : policy.workspaces) {
    Guard& guard = guards_[workspace.path];
    if (guard.paths == nullptr || guard.workspace != workspace) {
      ProtectedPaths::Options options;
      options.state_root = options_.state_root;
      guard = {workspace, TRY(ProtectedPaths::open(workspace, std::move(options)))};
    }
    guards.push_back(guard.paths);
  }
  return guards;
}

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

Error zygote_lost() {
  Error lost = system_error("the process that made this sandbox ended", ESRCH);
  lost.code = ErrorCode::kSandboxLost;
  lost.remedy = "Try again: the next call gets a new one";
  return lost;
}

Result<OwnedFd> standard_input(Command& command) {
  if (command.stdin_pipe.valid()) return std::move(command.stdin_pipe);
  if (command.stdin_bytes.has_value()) return sys::memfd("stdin", *command.stdin_bytes);
  return sys::open("/dev/null", O_RDONLY);
}

Result<std::shared_ptr<Call>> LinuxEngine::start(std::shared_ptr<const Policy> policy,
                                                 Command command, CallObserver observer) {
  TRY(check_workspaces(*policy));
  const CallPlan plan = TRY(plan_call(*policy, command));
  auto call = std::make_shared<RunningCall>();
  call->policy = policy;
  call->limits = command.limits;
  call->caller = command.caller;
  call->observer = std::move(observer);
  call->id = random_id();
  call->streams = {std::make_shared<OutputStream>(), std::make_shared<OutputStream>()};

  const bool command_reads_pipe = command.stdin_pipe.valid();
  LaunchFds fds;
  fds.call_plan = TRY(sys::memfd("call-plan", encode(plan)));
  fds.standard[0] = TRY(standard_input(command));
  if (command_reads_pipe) give_to(policy->identity, fds.standard[0]);
  for (int stream = 0; stream < 2; ++stream) {
    sys::Pipe pipe = TRY(sys::pipe());
    ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
    call->output[stream] = std::move(pipe.read);
    give_to(policy->identity, pipe.write);
    fds.standard[stream + 1] = std::move(pipe.write);
  }
  sys::SocketPair channel = TRY(sys::socketpair_seqpacket());
  ::fcntl(channel.first.get(), F_SETFL, O_NONBLOCK);
  call->channel = std::move(channel.first);
  fds.channel = std::move(channel.second);
  fds.ledger = TRY(make_ledger());
  call->ledger.emplace(TRY(LedgerReader::map(fds.ledger)));

  const Admission admission = TRY(admit());
  // Policies are prepared one at a time. That may read a whole workspace, and no running call waits
  // for it: the loop needs only mutex_.
  std::unique_lock starting(starting_);
  TRY(start_loop());
  call->guards = TRY(guards_for(*policy));
  const std::shared_ptr<Zygote> zygote = TRY(zygote_for(*policy));
  TRY(tell_guards(call->guards));
  starting.unlock();

  call->began = Clock::now();
  call->terminate_at = call->began + call->limits.wall;
  const std::lock_guard lock(mutex_);
  ++zygote->calls;
  zygote->last_used = call->began;
  call->zygote = zygote->number;
  call->policy_digest = zygote->digest;
  call->number = next_number_++;
  call->admission = admission;
  auto handle = std::make_shared<Handle>(*this, *call);
  // The loop knows the call before the zygote can say anything of it.
  posted_.emplace_back([this, call] {
    calls_[call->number] = call;
    watch(call->output[0].get(), Role::kStdout, call->number);
    watch(call->output[1].get(), Role::kStderr, call->number);
    watch(call->channel.get(), Role::kChannel, call->number);
  });
  if (!launch(*zygote->process, call->number, fds)) {
    // It is dead or dying: lose_zygote knows why and ends the call, unless it has already been.
    posted_.emplace_back([this, call, zygote] {
      {
        const std::lock_guard held(mutex_);
        if (zygotes_.count(zygote->number) > 0) return;
        call->failure = zygote->failure.value_or(zygote_lost());
      }
      finish(call->number);
    });
  }
  wake();
  return handle;
}

// A place among the running calls, given back when the last copy goes.
Result<Admission> LinuxEngine::admit() {
  int taken = active_->load();
  do {
    if (taken < options_.max_calls) continue;
    return fail(input_error(ErrorCode::kBusy, "calls", std::to_string(taken),
                            "as many calls are running as the server allows",
                            "Wait for one of them to end, or stop a job, and try again"));
  } while (!active_->compare_exchange_weak(taken, taken + 1));
  return Admission(nullptr, [active = active_](void*) { --*active; });
}

// --- the loop's thread ---------------------------------------------------------------------------

int LinuxEngine::milliseconds_to_next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [number, call] : calls_) {
    for (const auto& deadline : {call->terminate_at, call->kill_at}) {
      if (deadline.has_value() && (!next.has_value() || *deadline < *next)) next = deadline;
    }
  }
  if (!next.has_value()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*next - Clock::now()).count();
  return static_cast<int>(std::clamp<milliseconds::rep>(left, 0, 60'000));
}

void LinuxEngine::meet_deadlines() {
  const TimePoint now = Clock::now();
  for (const auto& [number, call] : calls_) {
    if (call->kill_at.has_value() && *call->kill_at <= now) call->kill_now();
    if (call->terminate_at.has_value() && *call->terminate_at <= now) {
      call->end(EndedBy::kTimeout, options_.kill_grace);
    }
  }
}

void LinuxEngine::run_posted() {
  std::vector<std::function<void()>> actions;
  {
    const std::lock_guard lock(mutex_);
    actions.swap(posted_);
  }
  for (const auto& action : actions) action();
}

void LinuxEngine::loop() {
  epoll_event events[64];
  while (true) {
    const int count =
        ::epoll_wait(epoll_.get(), events, std::size(events), milliseconds_to_next_deadline());
    std::uint64_t ticks = 0;
    (void)!::read(wake_.get(), &ticks, sizeof ticks);
    run_posted();
    for (int i = 0; i < count; ++i) handle(events[i].data.u64);
    meet_deadlines();
    const std::lock_guard lock(mutex_);
    if (!stopping_) continue;
    if (calls_.empty() && posted_.empty()) return;
    for (const auto& [number, call] : calls_) call->end(EndedBy::kCancelled, std::nullopt);
  }
}

void LinuxEngine::handle(std::uint64_t what) {
  const std::uint64_t number = number_of(what);
  const Role role = role_of(what);
  if (role == Role::kWake) return;
  if (role == Role::kZygote) return hear_zygote(number);
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;
  RunningCall& call = *found->second;
  switch (role) {
    case Role::kStdout:
      return read_output(call, 0);
    case Role::kStderr:
      return read_output(call, 1);
    case Role::kChannel:
      return hear_init(call);
    default:
      return;
  }
}

void LinuxEngine::read_output(RunningCall& call, int stream) {
  char buffer[kReadBytes];
  const ssize_t got = ::read(call.output[stream].get(), buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return call.output[stream].reset();
  const auto size = static_cast<std::size_t>(got);
  const std::uint64_t room =
      call.limits.output_bytes - std::min(call.output_total, call.limits.output_bytes);
  const std::size_t kept = std::min<std::uint64_t>(size, room);
  call.output_total += size;
  call.streams[std::size_t(stream)]->append(buffer, kept);
  if (call.observer.on_output && kept > 0) call.observer.on_output(stream, buffer, kept);
  if (kept < size) call.end(EndedBy::kOutput, std::nullopt);
}

void LinuxEngine::hear_init(RunningCall& call) {
  auto message = sys::receive_message(call.channel.get());
  if (!message || message->data.empty()) {
    call.channel.reset();
    return;
  }
  const auto note = decode_note(message->data);
  if (!note) return;
  if (note->kind == Kind::kFindSocket) {
    return pass_on(owners_.ask(call.number, *note, others_of_caller(call)));
  }
  if (note->kind == Kind::kSocketHere) return pass_on(owners_.hear(call.number, *note));
  call.take_note(*note);
}

std::vector<std::uint64_t> LinuxEngine::others_of_caller(const RunningCall& call) const {
  std::vector<std::uint64_t> others;
  for (const auto& [number, other] : calls_) {
    const bool running = other->started && other->channel.valid();
    if (number != call.number && running && other->caller == call.caller) others.push_back(number);
  }
  return others;
}

// An init that does not read would block nobody: its socket does not block, and a question that
// cannot be asked is a no.
void LinuxEngine::pass_on(SocketOwners::Messages messages) {
  while (!messages.empty()) {
    const SocketOwners::Outgoing message = std::move(messages.back());
    messages.pop_back();
    const auto to = calls_.find(message.call);
    const bool sent =
        to != calls_.end() && to->second->channel.valid() &&
        sys::send_message(to->second->channel.get(), encode(message.note)).has_value();
    if (sent || message.note.kind != Kind::kHaveSocket) continue;
    Note no;
    no.kind = Kind::kSocketHere;
    no.question = message.note.question;
    for (auto& answer : owners_.hear(message.call, no)) messages.push_back(std::move(answer));
  }
}

void LinuxEngine::hear_zygote(std::uint64_t number) {
  std::shared_ptr<Zygote> zygote;
  {
    const std::lock_guard lock(mutex_);
    const auto found = zygotes_.find(number);
    if (found == zygotes_.end()) return;
    zygote = found->second;
  }
  auto message = sys::receive_message(zygote->process->control.get());
  // A socket closed with something unread in it says so before it gives what it sent.
  if (!message && message.error().os_errno == ECONNRESET) {
    message = sys::receive_message(zygote->process->control.get());
  }
  if (!message || message->data.empty()) return lose_zygote(number);
  const auto note = decode_note(message->data);
  if (!note) return lose_zygote(number);
  if (note->kind == Kind::kReady) zygote->stages = note->stages;
  if (note->kind == Kind::kFailed && note->call == 0) {
    const std::lock_guard lock(mutex_);
    zygote->failure = note->error;
  }
  run_posted();  // a call that it speaks of may have been posted after this round's first look
  const auto found = calls_.find(note->call);
  if (found == calls_.end()) return;
  RunningCall& call = *found->second;
  if (note->kind == Kind::kLaunched && !message->fds.empty()) {
    call.pidfd = std::move(message->fds.front());
    for (StageTime& stage : zygote->stages) {
      call.stages.push_back({"zygote " + stage.stage, stage.took});
    }
    zygote->stages.clear();
    if (call.killed_for.has_value() && !call.kill_at.has_value()) call.kill_now();
    return;
  }
  call.take_note(*note);
  if (note->kind == Kind::kEnded || note->kind == Kind::kFailed) finish(call.number);
}

void LinuxEngine::lose_zygote(std::uint64_t number) {
  std::shared_ptr<Zygote> zygote;
  {
    const std::lock_guard lock(mutex_);
    zygote = zygotes_[number];
    zygotes_.erase(number);
  }
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, zygote->process->control.get(), nullptr);
  zygote->process->control.reset();
  reap_zygote(*zygote->process);
  std::vector<std::uint64_t> orphans;
  for (const auto& [call_number, call] : calls_) {
    if (call->zygote == number) orphans.push_back(call_number);
  }
  for (const std::uint64_t orphan : orphans) {
    RunningCall& call = *calls_[orphan];
    if (!call.failure.has_value()) call.failure = zygote->failure.value_or(zygote_lost());
    finish(orphan);
  }
}

// Init is reaped and so is everything below it: whatever it wrote is in the pipes and sockets.
void LinuxEngine::finish(std::uint64_t number) {
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;
  const std::shared_ptr<RunningCall> call = found->second;
  call->finished = Clock::now();
  while (call->channel.valid()) {
    struct pollfd more {
      call->channel.get(), POLLIN, 0
    };
    if (::poll(&more, 1, 0) <= 0) break;
    hear_init(*call);
  }
  for (int stream = 0; stream < 2; ++stream) {
    struct pollfd more {
      call->output[stream].get(), POLLIN, 0
    };
    while (call->output[stream].valid() && ::poll(&more, 1, 0) > 0) read_output(*call, stream);
    call->output[stream].reset();
  }
  call->channel.reset();
  call->pidfd.reset();
  calls_.erase(found);
  pass_on(owners_.forget(number));
  finisher_.finish(call, [this, zygote = call->zygote] {
    const std::lock_guard lock(mutex_);
    const auto of = zygotes_.find(zygote);
    if (of != zygotes_.end()) --of->second->calls;
  });
}

}  // namespace

std::unique_ptr<Engine> make_engine(EngineOptions options, std::unique_ptr<Prestart> early) {
  return std::make_unique<LinuxEngine>(options, std::move(early));
}

}  // namespace mayfly::sandbox
