#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/sys.h"
#include "sandbox/linux/engine_linux.h"
#include "sandbox/linux/lingering.h"
#include "sandbox/linux/loopback_sockets.h"

// The loop's thread of the engine. Nothing here waits for anything but the next event.
namespace mayfly::sandbox {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr milliseconds kBetweenLooks{500};

Role role_of(std::uint64_t tag) { return static_cast<Role>(tag >> 56); }
std::uint64_t tag_of(Role role, std::uint64_t number) {
  return (std::uint64_t(role) << 56) | number;
}
std::uint64_t number_of(std::uint64_t tag) { return tag & ((1ULL << 56) - 1); }

bool is_readable(const OwnedFd& fd) {
  struct pollfd more {
    fd.get(), POLLIN, 0
  };
  return fd.valid() && ::poll(&more, 1, 0) > 0;
}

}  // namespace

int LinuxEngine::milliseconds_to_next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [number, call] : calls_) {
    for (const auto& deadline : {call->terminate_at, call->kill_at, call->give_up_at,
                                 call->look_at_cpu, call->look_at_forks}) {
      if (deadline.has_value() && (!next.has_value() || *deadline < *next)) next = deadline;
    }
  }
  if (!next.has_value()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*next - Clock::now()).count();
  return static_cast<int>(std::clamp<milliseconds::rep>(left, 0, 60'000));
}

void LinuxEngine::meet_deadlines() {
  const TimePoint now = Clock::now();
  for (const auto& [number, call] : calls_) meet_deadlines_of(*call, now);
}

void LinuxEngine::meet_deadlines_of(RunningCall& call, TimePoint now) {
  const auto due = [now](const std::optional<TimePoint>& at) { return at && *at <= now; };
  if (due(call.look_at_cpu)) call.look_at_cpu_time(now);
  if (due(call.look_at_forks)) {
    call.look_at_forks = now + kBetweenLooks;
    call.look_at_cgroup();
  }
  if (due(call.kill_at)) call.kill_now();
  if (due(call.terminate_at)) call.end(EndedBy::kTimeout, options_.kill_grace);
  if (!due(call.give_up_at)) return;
  call.give_up_at.reset();
  call.answered = true;
  call.finished = now;
  drain(call);
  if (call.cgroup != nullptr) call.cgroup->kill();
  call.lingering = find_lingering(call.init);
  finisher_.answer_lingering(calls_[call.number]);
}

void LinuxEngine::run_posted() {
  std::vector<std::function<void()>> actions;
  {
    const std::lock_guard lock(mutex_);
    actions.swap(posted_);
  }
  for (const auto& action : actions) action();
}

// Whether the loop may end: nothing runs, waits or is about to. What lingers is not waited for; the
// keeper of the control groups has it.
bool LinuxEngine::all_done() {
  const std::lock_guard lock(mutex_);
  if (!stopping_) return false;
  for (const auto& [number, call] : waiting_) {
    if (!queue_.forget(number)) continue;
    posted_.emplace_back([this, call = call] {
      call->killed_for = EndedBy::kCancelled;
      abandon(call, input_error(ErrorCode::kCancelled, "", "", "the server is ending", ""));
    });
  }
  bool running = false;
  for (const auto& [number, call] : calls_) {
    call->end(EndedBy::kCancelled, std::nullopt);
    running = running || !call->answered;
  }
  return !running && posted_.empty() && waiting_.empty();
}

void LinuxEngine::loop() {
  // A program that does not read its input any more shows as EPIPE.
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);

  epoll_event events[64];
  int patience = milliseconds_to_next_deadline();
  while (true) {
    const int count = ::epoll_wait(epoll_.get(), events, std::size(events), patience);
    std::uint64_t ticks = 0;
    (void)!::read(wake_.get(), &ticks, sizeof ticks);
    run_posted();
    for (int i = 0; i < count; ++i) handle(events[i].data.u64);
    meet_deadlines();
    if (all_done()) return;
    const std::lock_guard lock(mutex_);
    patience = posted_.empty() ? milliseconds_to_next_deadline() : 0;
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
    case Role::kStdin:
      return write_input(call);
    case Role::kStdout:
      return read_output(call, 0);
    case Role::kStderr:
      return read_output(call, 1);
    case Role::kChannel:
      return hear_init(call);
    case Role::kCgroup:
      return call.look_at_cgroup();
    default:
      return;
  }
}

void LinuxEngine::adopt(const std::shared_ptr<RunningCall>& call) {
  calls_[call->number] = call;
  call->terminate_at = call->began + call->limits.wall;
  if (call->enforcement.cpu_time == Enforcer::kCgroup) call->look_at_cpu = call->began;
  // Those of a terminal come when it is open.
  if (call->output[0].valid()) {
    watch(call->output[0].get(), Role::kStdout, call->number, EPOLLIN);
    watch(call->output[1].get(), Role::kStderr, call->number, EPOLLIN);
  }
  if (call->input.valid()) open_input(*call, std::move(call->input));
  watch(call->channel.get(), Role::kChannel, call->number, EPOLLIN);
  if (call->enforcement.cgroup == CgroupVersion::kV1) {
    call->look_at_forks = call->began + kBetweenLooks;
  }
  if (call->cgroup != nullptr) {
    if (const int events = call->cgroup->event_fd(); events >= 0) {
      watch(events, Role::kCgroup, call->number, EPOLLIN);
    }
  }
  std::vector<std::function<void(RunningCall&)>> deferred;
  {
    const std::lock_guard lock(mutex_);
    waiting_.erase(call->number);
    *call->waiting = false;
    deferred.swap(call->deferred);
  }
  for (const auto& action : deferred) action(*call);
}

// Ends a call that never had a process.
void LinuxEngine::abandon(const std::shared_ptr<RunningCall>& call, Error failure) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.erase(call->number);
  }
  if (call->feed != nullptr) call->feed->end();
  call->failure = std::move(failure);
  call->finished = Clock::now();
  call->began = call->finished;
  finisher_.finish(call, [] {});
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

void LinuxEngine::open_input(RunningCall& call, OwnedFd input) {
  call.input = std::move(input);
  // For no event: what the kernel tells all the same is that nobody reads any more.
  watch(call.input.get(), Role::kStdin, call.number, 0);
  write_input(call);
}

void LinuxEngine::write_input(RunningCall& call) {
  if (!call.input.valid()) return;  // a terminal that is not open yet, or the end of it all
  const InputFeed::State state = call.feed->write_to(call.input.get());
  if (state == InputFeed::State::kDone) return call.input.reset();
  const bool await = state == InputFeed::State::kBlocked;
  if (await == call.input_awaited) return;
  call.input_awaited = await;
  epoll_event event{};
  event.events = await ? std::uint32_t{EPOLLOUT} : 0;
  event.data.u64 = tag_of(Role::kStdin, call.number);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, call.input.get(), &event);
}

// The first descriptor that comes with kStarted.
void LinuxEngine::adopt_terminal(RunningCall& call, std::vector<OwnedFd>& fds) {
  OwnedFd master;
  OwnedFd input;
  if (!fds.empty()) {
    master = std::move(fds.front());
    fds.erase(fds.begin());
    ::fcntl(master.get(), F_SETFL, O_NONBLOCK);
    // Of one number epoll hears one thing only.
    input.reset(::fcntl(master.get(), F_DUPFD_CLOEXEC, 3));
  }
  if (!input.valid()) {
    call.failure = system_error("take the terminal of a sandbox", EMFILE);
    call.failure->code = ErrorCode::kSetupFailed;
    call.started = false;
    return call.end(EndedBy::kSetup, std::nullopt);
  }
  call.output[0] = std::move(master);
  watch(call.output[0].get(), Role::kStdout, call.number, EPOLLIN);
  open_input(call, std::move(input));
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
  if (note->kind == Kind::kDialed) {
    const bool usable = message->fds.size() == 1 && is_of_sandbox(message->fds.front().get());
    return relay_.dialed(call.number, note->question,
                         usable ? std::move(message->fds.front()) : OwnedFd());
  }
  call.take_note(*note);
  if (note->kind != Kind::kStarted) return;
  if (call.plan.terminal.has_value()) adopt_terminal(call, message->fds);
  publish_ports(call);
  relay_ports(call, std::move(message->fds));
}

// Once it runs and is known by its pidfd, whichever of the two is heard of last.
void LinuxEngine::publish_ports(const RunningCall& call) {
  const std::vector<std::uint16_t>& ports = call.policy->network.publish;
  if (ports.empty() || !call.started || !call.pidfd.valid()) return;
  OwnedFd pidfd(::fcntl(call.pidfd.get(), F_DUPFD_CLOEXEC, 0));
  if (!pidfd.valid()) return;
  published_.add(call.number, {call.caller, ports, call.relayed, call.init, std::move(pidfd)});
}

// Whatever its init has sent, only a listener on one of the call's ports is served, and only while
// the call behind it runs.
void LinuxEngine::relay_ports(const RunningCall& call, std::vector<OwnedFd> listeners) {
  for (OwnedFd& listener : listeners) {
    const std::uint16_t port = listener.valid() ? port_listened_on(listener.get()) : 0;
    const auto behind = call.relayed.find(port);
    if (behind == call.relayed.end() || !is_of_sandbox(listener.get())) continue;
    const auto job = calls_.find(behind->second.call);
    if (job == calls_.end() || !job->second->channel.valid()) continue;
    (void)relay_.add(call.number, std::move(listener), port, behind->second);
  }
}

void LinuxEngine::dial(const PortRelay::Dial& dial) {
  const auto job = calls_.find(dial.job);
  Note note;
  note.kind = Kind::kDial;
  note.question = dial.question;
  note.port = dial.port;
  note.found = dial.family == Family::kIpv4;
  const bool asked = job != calls_.end() && job->second->channel.valid() &&
                     sys::send_message(job->second->channel.get(), encode(note)).has_value();
  if (!asked) relay_.dialed(dial.job, dial.question, OwnedFd());
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
  const std::shared_ptr<Zygote> zygote = zygotes_->find(number);
  if (zygote == nullptr) return;
  auto message = sys::receive_message(zygote->process->control.get());
  // A socket closed with something unread in it says so before it gives what it sent.
  if (!message && message.error().os_errno == ECONNRESET) {
    message = sys::receive_message(zygote->process->control.get());
  }
  if (!message || message->data.empty()) return lose_zygote(number);
  const auto note = decode_note(message->data);
  if (!note) return lose_zygote(number);
  switch (note->kind) {
    case Kind::kReady:
      return zygotes_->ready(number, note->stages);
    case Kind::kParked:
      return zygotes_->parked(number, note->helper, note->pid);
    case Kind::kFailed:
      if (note->helper != 0) return zygotes_->not_parked(number, note->helper, note->error);
      if (note->call == 0) return zygotes_->failed(number, note->error);
      break;
    default:
      break;
  }
  hear_of_call(*zygote, *note, message->fds);
}

void LinuxEngine::hear_of_call(Zygote& zygote, const Note& note, std::vector<OwnedFd>& fds) {
  run_posted();  // a call that it speaks of may have been posted after this round's first look
  const auto found = calls_.find(note.call);
  if (found == calls_.end()) return;
  RunningCall& call = *found->second;
  if (note.kind == Kind::kLaunched && !fds.empty()) {
    call.pidfd = std::move(fds.front());
    call.init = note.pid;
    if (call.enforcement.cgroup == CgroupVersion::kV1 && call.cgroup != nullptr) {
      // The helper is gone. Should this fail, the group has room for one process more.
      (void)call.cgroup->set_limits(
          cgroup_limits(*call.policy, call.limits, CgroupVersion::kV1, Moment::kRunning));
    }
    for (StageTime& stage : zygotes_->take_stages(zygote)) {
      call.stages.push_back({"zygote " + stage.stage, stage.took});
    }
    publish_ports(call);
    if (call.killed_for.has_value() && !call.kill_at.has_value()) call.kill_now();
    return;
  }
  call.take_note(note);
  if (note.kind == Kind::kEnded || note.kind == Kind::kFailed) finish(call.number);
}

void LinuxEngine::lose_zygote(std::uint64_t number) {
  if (const auto dying = zygotes_->find(number); dying != nullptr) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, dying->process->control.get(), nullptr);
  }
  const std::shared_ptr<Zygote> zygote = zygotes_->lose(number);
  if (zygote == nullptr) return;
  std::vector<std::uint64_t> orphans;
  for (const auto& [call_number, call] : calls_) {
    if (call->zygote == number) orphans.push_back(call_number);
  }
  for (const std::uint64_t orphan : orphans) {
    RunningCall& call = *calls_[orphan];
    if (!call.failure.has_value()) call.failure = zygote->failure;
    finish(orphan);
  }
}

// Takes what is left in pipes and sockets, and lets go of them.
void LinuxEngine::drain(RunningCall& call) {
  while (is_readable(call.channel)) hear_init(call);
  for (int stream = 0; stream < 2; ++stream) {
    while (is_readable(call.output[stream])) {
      const std::uint64_t before = call.output_total;
      read_output(call, stream);
      // What does not die may write for ever.
      if (call.output_total == before || call.output_total > call.limits.output_bytes) break;
    }
    call.output[stream].reset();
  }
  call.input.reset();
  if (call.feed != nullptr) call.feed->end();
  call.channel.reset();
  // In this order: as long as others relay a port of this call, it is not taken for their own.
  relay_.forget(call.number);
  published_.remove(call.number);
}

// Init is reaped and so is everything below it: whatever it wrote is in the pipes and sockets.
void LinuxEngine::finish(std::uint64_t number) {
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;
  const std::shared_ptr<RunningCall> call = found->second;
  if (!call->answered) call->finished = Clock::now();
  drain(*call);
  call->pidfd.reset();
  calls_.erase(found);
  pass_on(owners_.forget(number));
  finisher_.finish(call, [this, call] { release(*call); });
}

}  // namespace mayfly::sandbox
