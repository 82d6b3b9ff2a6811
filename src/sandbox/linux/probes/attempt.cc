#include "sandbox/linux/probes/attempt.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/sys.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox::probes {
namespace {

constexpr milliseconds kDeadline{2000};

// "+ detail" or "errno detail", ended by a NUL: the end of file may never come, since a trial's own
// children have the pipe too.
std::string encode(const Result<std::string>& result) {
  std::string out = result ? "+ " + *result : std::to_string(result.error().os_errno) + " ";
  if (!result) out += result.error().message;
  out += '\0';
  return out;
}

Outcome decode(const std::string& answer) {
  const std::size_t space = answer.find(' ');
  Outcome outcome;
  outcome.detail = answer.substr(space + 1);
  if (answer.starts_with("+")) {
    outcome.state = Probe::State::kWorks;
    return outcome;
  }
  outcome.state = Probe::State::kMissing;
  std::from_chars(answer.data(), answer.data() + space, outcome.os_errno);
  const char* name = outcome.os_errno > 0 ? ::strerrorname_np(outcome.os_errno) : nullptr;
  if (name != nullptr && !outcome.detail.ends_with(")")) {
    outcome.detail += std::string(" (") + name + ")";
  }
  return outcome;
}

// Reads up to the NUL. False at a deadline, or when the child ended without an answer.
bool receive(int fd, std::string& answer) {
  const TimePoint end = Clock::now() + kDeadline;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now()).count();
    struct pollfd wanted {
      fd, POLLIN, 0
    };
    if (left <= 0 || ::poll(&wanted, 1, static_cast<int>(left)) == 0) return false;
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    answer.append(buffer, static_cast<std::size_t>(got));
    if (answer.back() != '\0') continue;
    answer.pop_back();
    return true;
  }
}

std::string fate(int status) {
  if (!WIFSIGNALED(status)) return "its process ended without an answer";
  // Our own kill, after the deadline.
  if (WTERMSIG(status) == SIGKILL) return "no answer within two seconds";
  return std::string("its process was killed by SIG") + ::sigabbrev_np(WTERMSIG(status));
}

Status write_proc(const char* path, const std::string& text) {
  const OwnedFd file = TRY(sys::open(path, O_WRONLY));
  return sys::write_all(file.get(), text);
}

// A sandbox never has host uid 0, so root has to find out what another uid can do.
Status become_sandbox_user() {
  if (::geteuid() != 0) return {};
  if (::setgroups(0, nullptr) < 0) return fail(system_error("setgroups", errno));
  constexpr uid_t kUser = kSpareUid;
  const std::string who = std::to_string(kUser);
  if (::setresgid(kUser, kUser, kUser) < 0) return fail(system_error("setresgid " + who, errno));
  if (::setresuid(kUser, kUser, kUser) < 0) return fail(system_error("setresuid " + who, errno));
  return {};
}

}  // namespace

Helper::Helper(const std::function<int()>& body, unsigned long clone_flags) {
  const pid_t parent = ::getpid();
  // fork(2) of the C library when it will do: that one repairs its locks in the child.
  pid_ = clone_flags == 0 ? ::fork()
                          : static_cast<pid_t>(::syscall(SYS_clone, clone_flags | SIGCHLD, nullptr,
                                                         nullptr, nullptr, nullptr));
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // In a new pid namespace the parent is 0.
  if (::getppid() != parent && ::getpid() != 1) ::_exit(1);
  ::_exit(body());
}

Helper::~Helper() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  wait();
}

int Helper::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, __WALL) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

Outcome attempt(const Trial& trial) {
  auto pipe = sys::pipe();
  if (!pipe) return {Probe::State::kUnknown, pipe.error().message, pipe.error().os_errno};
  Helper child([&] {
    pipe->read.reset();
    const std::string answer = encode(trial());
    return sys::write_all(pipe->write.get(), answer) ? 0 : 1;
  });
  if (child.pid() < 0) return {Probe::State::kUnknown, system_error("fork", errno).message, errno};
  pipe->write.reset();
  std::string answer;
  if (receive(pipe->read.get(), answer)) return decode(answer);
  ::kill(child.pid(), SIGKILL);
  return {Probe::State::kMissing, fate(child.wait()), 0};
}

Result<std::string> attempt_within(const std::string& what, const Trial& trial) {
  Outcome outcome = attempt(trial);
  if (outcome.state == Probe::State::kWorks) return std::move(outcome.detail);
  Error error;
  error.message = what.empty() ? outcome.detail : what + ": " + outcome.detail;
  error.os_errno = outcome.os_errno;
  return fail(std::move(error));
}

Status enter_user_namespace() {
  TRY(become_sandbox_user());
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  TRY(sys::unshare(CLONE_NEWUSER));
  // Both changes made it root's again, and took the parent-death signal away.
  TRY(sys::prctl(PR_SET_DUMPABLE, 1, "PR_SET_DUMPABLE"));
  TRY(sys::prctl(PR_SET_PDEATHSIG, SIGKILL, "PR_SET_PDEATHSIG"));
  TRY(write_proc("/proc/self/setgroups", "deny"));
  TRY_TO("map uid " + uid, write_proc("/proc/self/uid_map", uid + " " + uid + " 1"));
  return write_proc("/proc/self/gid_map", gid + " " + gid + " 1");
}

Status enter_mount_namespace() {
  TRY(sys::unshare(CLONE_NEWNS));
  return sys::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
}

}  // namespace mayfly::sandbox::probes
