#include "sandbox/linux/zygote.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/sys.h"
#include "sandbox/host_probe.h"
#include "sandbox/linux/descendants.h"
#include "sandbox/linux/init.h"
#include "sandbox/linux/landlock_init.h"
#include "sandbox/linux/messages.h"
#include "sandbox/linux/root_builder.h"
#include "sandbox/linux/stages.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxPlan = 64U << 20;
constexpr milliseconds kPatience{2000};
constexpr std::size_t kLaunchFds = 6;  // of every launch; a group of cgroup v2 comes after them

// A child of the zygote's that waits in the control groups of one call for that call (cgroup v1:
// there is no CLONE_INTO_CGROUP, and moving a running init costs some 10 ms). It clones the init
// as its own sibling, the zygote's child, and ends.
struct Helper {
  pid_t pid = 0;
  OwnedFd orders;
};

// What a helper answers.
struct Born {
  pid_t pid = 0;
  int error = 0;
};

class Zygote {
 public:
  Zygote(OwnedFd control, TaskTable tasks) : control_(std::move(control)), tasks_(tasks) {}
  int serve();

 private:
  Status configure(sys::Message& message);
  Status become_identity() const;
  Status enter_user_namespace() const;
  Result<std::vector<OwnedFd>> take_sources(std::vector<OwnedFd>& given) const;
  Status launch(const Note& request, sys::Message& message);
  Status park(std::uint64_t helper);
  [[noreturn]] void wait_parked(const OwnedFd& orders);
  Born clone_init(sys::Message& message, clone_args args);
  Born clone_by_helper(std::uint64_t helper, const sys::Message& message);
  [[noreturn]] void run_init(sys::Message& message);
  void reap();
  void end_all();
  std::set<pid_t> spared() const;
  // A server that cannot be told would wait for ever: it hears our end instead.
  void tell(const Note& note, std::span<const int> fds = {}) {
    if (!sys::send_message(control_.get(), encode(note), fds)) deaf_ = true;
  }
  void tell_failure(const Note& request, Error error);

  OwnedFd control_;
  const TaskTable tasks_;
  bool deaf_ = false;  // the server does not hear what we tell it
  OwnedFd signals_;
  OwnedFd host_proc_;
  sys::Pipe life_;  // its write end is held by the zygote alone: init sees when it is gone
  RootPlan plan_;
  std::map<pid_t, std::uint64_t> calls_;  // init's pid → call
  std::map<std::uint64_t, Helper> helpers_;
};

void Zygote::tell_failure(const Note& request, Error error) {
  Note note;
  note.kind = Kind::kFailed;
  note.call = request.call;
  note.helper = request.kind == Kind::kPark ? request.helper : 0;
  note.error = std::move(error);
  if (note.error.code == ErrorCode::kSystemCall) note.error.code = ErrorCode::kSetupFailed;
  tell(note);
}

// Root becomes the sandbox's host uid for good: no capability survives the change. Others are it.
Status Zygote::become_identity() const {
  const Identity& identity = plan_.identity;
  if (identity.host_uid == 0 || identity.host_gid == 0) {
    return fail(system_error("refused to make a sandbox of host uid 0", EPERM));
  }
  if (::geteuid() == identity.host_uid) return {};
  if (::setgroups(0, nullptr) < 0) return fail(system_error("setgroups", errno));
  const gid_t gid = identity.host_gid;
  const uid_t uid = identity.host_uid;
  if (::setresgid(gid, gid, gid) < 0) return fail(system_error("setresgid", errno));
  if (::setresuid(uid, uid, uid) < 0) return fail(system_error("setresuid", errno));
  return {};
}

Status write_proc(const char* path, const std::string& text) {
  const OwnedFd file = TRY(sys::open(path, O_WRONLY));
  return sys::write_all(file.get(), text);
}

Status Zygote::enter_user_namespace() const {
  auto entered = sys::unshare(CLONE_NEWUSER);
  if (!entered) {
    return fail(cannot_enforce(
        std::move(entered).error(),
        "Allow unprivileged user namespaces on this host: sysctl user.max_user_namespaces, "
        "kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns; in a "
        "container, allow the system calls unshare and clone. Or accept less isolation: --tier "
        "landlock"));
  }
  const Identity& id = plan_.identity;
  const auto map = [](unsigned inside, unsigned host) {
    return std::to_string(inside) + " " + std::to_string(host) + " 1";
  };
  // The files below /proc/self belong to root while a process is not dumpable.
  TRY(sys::prctl(PR_SET_DUMPABLE, 1, "PR_SET_DUMPABLE"));
  TRY(write_proc("/proc/self/setgroups", "deny"));
  TRY(write_proc("/proc/self/uid_map", map(id.inside_uid, id.host_uid)));
  TRY(write_proc("/proc/self/gid_map", map(id.inside_gid, id.host_gid)));
  return sys::prctl(PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE");
}

// The server hands over what only root could open, as detached mounts; the rest is opened here.
Result<std::vector<OwnedFd>> Zygote::take_sources(std::vector<OwnedFd>& given) const {
  if (!given.empty()) {
    if (given.size() != plan_.sources.size()) {
      return fail(system_error("sources do not fit the plan", EBADMSG));
    }
    return std::move(given);
  }
  std::vector<OwnedFd> mounts;
  for (const Source& source : plan_.sources) mounts.push_back(TRY(detach(source, -1)));
  return mounts;
}

Status Zygote::configure(sys::Message& message) {
  if (message.fds.empty()) return fail(system_error("no plan came", EBADMSG));
  const std::string bytes = TRY(sys::read_file(message.fds.front().get(), kMaxPlan));
  plan_ = TRY(decode_root_plan(bytes));
  message.fds.erase(message.fds.begin());

  Note ready;
  ready.kind = Kind::kReady;
  Stages stages;
  // The order is forced: the identity before the user namespace, whose creator's uid owns it; the
  // mount namespace after it, so that it belongs to it; sources while the host is still in view.
  TRY(stages.run("identity", [&] { return become_identity(); }));
  if (plan_.tier == Tier::kLandlock) {
    // Setting ids made us dumpable again, for programs of the sandbox's user.
    TRY(sys::prctl(PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE"));
    TRY(sys::prctl(PR_SET_CHILD_SUBREAPER, 1, "PR_SET_CHILD_SUBREAPER"));
    life_ = TRY(sys::pipe());
    ready.stages = stages.take();
    tell(ready);
    return {};
  }
  TRY(stages.run("user namespace", [&] { return enter_user_namespace(); }));
  TRY(stages.run("mount namespace", [] { return sys::unshare(CLONE_NEWNS); }));
  TRY(stages.run("private mounts",
                 [] { return sys::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr); }));
  host_proc_ = TRY(sys::open("/proc", O_PATH | O_DIRECTORY));
  auto sources = TRY(stages.run("sources", [&] { return take_sources(message.fds); }));
  TRY(stages.run("root", [&] { return build_root(plan_, std::move(sources)); }));
  life_ = TRY(sys::pipe());
  ready.stages = stages.take();
  tell(ready);
  return {};
}

void Zygote::run_init(sys::Message& message) {
  ::prctl(PR_SET_NAME, "mayfly-init", 0, 0, 0);
  life_.write.reset();
  InitInputs inputs;
  inputs.call_plan = std::move(message.fds[0]);
  for (int i = 0; i < 3; ++i) inputs.standard[i] = std::move(message.fds[std::size_t(i) + 1]);
  inputs.channel = std::move(message.fds[4]);
  inputs.ledger = std::move(message.fds[5]);
  inputs.host_proc = std::move(host_proc_);
  inputs.zygote_life = std::move(life_.read);
  inputs.tasks = tasks_;
  if (plan_.tier == Tier::kLandlock) landlock_init_main(plan_, std::move(inputs));
  init_main(plan_, std::move(inputs));
}

Born Zygote::clone_init(sys::Message& message, clone_args args) {
  if (plan_.tier == Tier::kFull) {
    args.flags |= CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  }
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) run_init(message);
  return pid < 0 ? Born{0, errno} : Born{static_cast<pid_t>(pid), 0};
}

void Zygote::wait_parked(const OwnedFd& orders) {
  control_.reset();
  signals_.reset();
  life_.write.reset();
  helpers_.clear();
  ::prctl(PR_SET_NAME, "mayfly-parked", 0, 0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  struct pollfd life {
    life_.read.get(), POLLIN, 0
  };
  if (::poll(&life, 1, 0) > 0) ::_exit(0);  // the zygote was gone before that
  auto message = sys::receive_message(orders.get());
  if (!message || message->data.empty()) ::_exit(0);
  clone_args args{};
  args.flags = CLONE_PARENT;
  const Born born = clone_init(*message, args);
  (void)sys::send_message(orders.get(),
                          std::string_view(reinterpret_cast<const char*>(&born), sizeof born));
  ::_exit(0);
}

Status Zygote::park(std::uint64_t helper) {
  auto [ours, theirs] = TRY(sys::socketpair_seqpacket());
  clone_args args{};
  args.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return fail(system_error("clone3 of a helper", errno));
  if (pid == 0) {
    ours.reset();
    wait_parked(theirs);
  }
  Note parked;
  parked.kind = Kind::kParked;
  parked.helper = helper;
  parked.pid = static_cast<pid_t>(pid);
  helpers_[helper] = {parked.pid, std::move(ours)};
  tell(parked);
  return {};
}

Born Zygote::clone_by_helper(std::uint64_t helper, const sys::Message& message) {
  const auto found = helpers_.find(helper);
  if (found == helpers_.end()) return {0, ESRCH};
  const Helper parked = std::move(found->second);
  helpers_.erase(found);
  std::vector<int> fds;
  for (const OwnedFd& fd : message.fds) fds.push_back(fd.get());
  auto sent = sys::send_message(parked.orders.get(), message.data, fds);
  if (!sent) return {0, sent.error().os_errno};
  const auto answer = sys::receive_message(parked.orders.get());
  Born born{0, ESRCH};
  if (answer && answer->data.size() == sizeof born) {
    std::memcpy(&born, answer->data.data(), sizeof born);
  }
  // It ends at once; until then it has one of the places for processes in the call's group.
  (void)::waitpid(parked.pid, nullptr, __WALL);
  return born;
}

Status Zygote::launch(const Note& request, sys::Message& message) {
  if (message.fds.size() < kLaunchFds)
    return fail(system_error("a launch lacks descriptors", EBADMSG));
  Born born;
  if (request.helper != 0) {
    born = clone_by_helper(request.helper, message);
  } else {
    clone_args args{};
    args.exit_signal = SIGCHLD;
    if (message.fds.size() > kLaunchFds) {
      args.flags = CLONE_INTO_CGROUP;
      args.cgroup = static_cast<std::uint64_t>(message.fds[kLaunchFds].get());
    }
    born = clone_init(message, args);
  }
  if (born.error != 0) return fail(system_error("clone3 of the sandbox's namespaces", born.error));
  calls_[born.pid] = request.call;
  // It is ours to reap, so the number stays its own until then.
  auto pidfd = sys::pidfd_open(born.pid);
  if (!pidfd) {
    ::kill(born.pid, SIGKILL);
    return fail(std::move(pidfd).error());
  }
  Note launched;
  launched.kind = Kind::kLaunched;
  launched.call = request.call;
  launched.pid = born.pid;
  const int fd = pidfd->get();
  tell(launched, std::span<const int>(&fd, 1));
  return {};
}

void Zygote::reap() {
  while (true) {
    Note ended;
    ended.kind = Kind::kEnded;
    const pid_t pid = ::wait4(-1, &ended.wait_status, WNOHANG | __WALL, &ended.usage);
    if (pid <= 0) return;
    const auto found = calls_.find(pid);
    if (found == calls_.end()) continue;
    ended.call = found->second;
    calls_.erase(found);
    if (plan_.tier == Tier::kLandlock) (void)end_descendants(spared(), kPatience, ended.usage);
    tell(ended);
  }
}

// Everything else below us has lost its init.
std::set<pid_t> Zygote::spared() const {
  std::set<pid_t> pids;
  for (const auto& [pid, call] : calls_) pids.insert(pid);
  for (const auto& [number, helper] : helpers_) pids.insert(helper.pid);
  return pids;
}

// Not for ever: what sits in the kernel and does not die is left to its control group.
void Zygote::end_all() {
  if (plan_.tier == Tier::kLandlock) {
    struct rusage ignored {};
    (void)end_descendants({}, kPatience, ignored);
  }
  for (const auto& [pid, call] : calls_) ::kill(pid, SIGKILL);
  for (const auto& [number, helper] : helpers_) ::kill(helper.pid, SIGKILL);
  const TimePoint until = Clock::now() + kPatience;
  while (true) {
    const pid_t ended = ::waitpid(-1, nullptr, WNOHANG | __WALL);
    if (ended > 0) continue;
    if (ended < 0 && errno == ECHILD) return;
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    if (left <= 0) return;
    struct pollfd child {
      signals_.get(), POLLIN, 0
    };
    (void)::poll(&child, 1, static_cast<int>(left));
    struct signalfd_siginfo info {};
    (void)!::read(signals_.get(), &info, sizeof info);
  }
}

int Zygote::serve() {
  sigset_t mask;
  sigfillset(&mask);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  signals_.reset(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));

  while (!deaf_) {
    struct pollfd events[2] = {{control_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    if (::poll(events, 2, -1) < 0 && errno != EINTR) break;
    if (events[1].revents != 0) {
      struct signalfd_siginfo info {};
      (void)!::read(signals_.get(), &info, sizeof info);
      reap();
    }
    if (events[0].revents == 0) continue;
    auto message = sys::receive_message(control_.get());
    if (!message || message->data.empty()) break;  // the server is gone
    const auto note = decode_note(message->data);
    if (!note) break;
    if (note->kind == Kind::kConfigure) {
      if (auto done = configure(*message); !done) {
        tell_failure(*note, std::move(done).error());
        break;
      }
    } else if (note->kind == Kind::kPark) {
      if (auto done = park(note->helper); !done) tell_failure(*note, std::move(done).error());
    } else if (note->kind == Kind::kLaunch) {
      if (auto done = launch(*note, *message); !done) tell_failure(*note, std::move(done).error());
    }
  }
  end_all();
  return 0;
}

}  // namespace

int zygote_main(OwnedFd control, TaskTable tasks) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NAME, "mayfly-zygote", 0, 0, 0);
  return Zygote(std::move(control), tasks).serve();
}

}  // namespace mayfly::sandbox
