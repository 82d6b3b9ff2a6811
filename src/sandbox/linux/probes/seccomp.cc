#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "base/sys.h"
#include "sandbox/linux/probes/attempt.h"

// Younger than the headers of Debian 12.
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

namespace mayfly::sandbox::probes {
namespace {

// Answers that no kernel gives by itself.
constexpr int kErrno = EXDEV;
constexpr long kAnswer = 424242;

// A filter under which getppid(2) gets `action` and everything else goes on. The listener, or an
// invalid descriptor where `flags` ask for none.
Result<OwnedFd> filter_getppid(std::uint32_t action, unsigned flags) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{std::size(code), code};
  TRY(sys::prctl(PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS"));
  const long loaded = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (loaded < 0) return fail(system_error("seccomp SECCOMP_SET_MODE_FILTER", errno));
  const bool listens = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  return OwnedFd(listens ? static_cast<int>(loaded) : -1);
}

Result<std::string> answers_errno() {
  TRY(filter_getppid(SECCOMP_RET_ERRNO | kErrno, 0));
  if (::syscall(SYS_getppid) != -1 || errno != kErrno) {
    return fail(system_error("the filter did not answer", EPROTO));
  }
  return "loaded a filter and got its answer";
}

// The target shares our descriptors, so that its listener is ours without a message.
Result<OwnedFd> target_listener(const sys::Pipe& numbers) {
  int number = -1;
  struct pollfd ready {
    numbers.read.get(), POLLIN, 0
  };
  if (::poll(&ready, 1, 1000) != 1 ||
      ::read(numbers.read.get(), &number, sizeof number) != sizeof number) {
    return fail(system_error("no listener came", ETIMEDOUT));
  }
  if (number < 0) return fail(system_error("seccomp with a listener", -number));
  return OwnedFd(number);
}

Status answer_one(int listener) {
  struct pollfd called {
    listener, POLLIN, 0
  };
  if (::poll(&called, 1, 1000) != 1) return fail(system_error("no notification", ETIMEDOUT));
  seccomp_notif notification{};
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0) {
    return fail(system_error("ioctl SECCOMP_IOCTL_NOTIF_RECV", errno));
  }
  seccomp_notif_resp response{};
  response.id = notification.id;
  response.val = kAnswer;
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0) {
    return fail(system_error("ioctl SECCOMP_IOCTL_NOTIF_SEND", errno));
  }
  return {};
}

Result<std::string> notify(unsigned flags, bool sync_wake_up) {
  const sys::Pipe numbers = TRY(sys::pipe());
  Helper target(
      [&]() -> int {
        auto listener =
            filter_getppid(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER | flags);
        const int number = listener ? listener->release() : -listener.error().os_errno;
        (void)!::write(numbers.write.get(), &number, sizeof number);
        return ::syscall(SYS_getppid) == kAnswer ? 0 : 1;
      },
      CLONE_FILES);
  if (target.pid() < 0) return fail(system_error("clone CLONE_FILES", errno));
  const OwnedFd listener = TRY(target_listener(numbers));
  if (sync_wake_up && ::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                              SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) < 0) {
    return fail(system_error("ioctl SECCOMP_IOCTL_NOTIF_SET_FLAGS", errno));
  }
  TRY(answer_one(listener.get()));
  if (target.wait() != 0) return fail(system_error("the answer did not arrive", EPROTO));
  return "answered a system call of another process";
}

std::string filter_remedy(const Outcome&) {
  return "Use a kernel with CONFIG_SECCOMP_FILTER; in a container, allow the system calls prctl "
         "and seccomp";
}

std::string listener_remedy(const Outcome& outcome) {
  if (outcome.os_errno == EBUSY) {
    return "The kernel allows one listener a process and another sandbox has it: start Mayfly "
           "outside of that one";
  }
  return needs_linux("5.0", "SECCOMP_FILTER_FLAG_NEW_LISTENER")(outcome);
}

}  // namespace

std::vector<Row> seccomp_rows() {
  const std::vector<Tier> both = {Tier::kFull, Tier::kLandlock};
  return {
      {"seccomp", "seccomp filter", "every sandbox", both, "", answers_errno, filter_remedy},
      {"seccomp_notify", "seccomp notifications", "denials with names", both, "seccomp",
       [] { return notify(0, false); }, listener_remedy},
      {"seccomp_wait_killable",
       "seccomp WAIT_KILLABLE_RECV",
       "programs that live on signals",
       {},
       "seccomp_notify",
       [] { return notify(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, false); },
       needs_linux("5.19", "")},
      {"seccomp_sync_wake_up",
       "seccomp FD_SYNC_WAKE_UP",
       "speed of answered calls",
       {},
       "seccomp_notify",
       [] { return notify(0, true); },
       needs_linux("6.6", "")},
  };
}

}  // namespace mayfly::sandbox::probes
