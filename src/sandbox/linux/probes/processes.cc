#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/sys.h"
#include "sandbox/linux/probes/attempt.h"

namespace mayfly::sandbox::probes {
namespace {

Result<std::string> clone3_call() {
  clone_args args{};
  int pidfd = -1;
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return fail(system_error("clone3", errno));
  if (pid == 0) ::_exit(7);
  const OwnedFd owned(pidfd);
  int status = 0;
  ::waitpid(static_cast<pid_t>(pid), &status, 0);
  if (WEXITSTATUS(status) != 7) return fail(system_error("the child did not run", ECHILD));
  return "started a process";
}

Result<std::string> pidfd() {
  Helper child([] { return ::pause(); });
  const OwnedFd fd = TRY(sys::pidfd_open(child.pid()));
  TRY(sys::pidfd_send_signal(fd.get(), SIGKILL));
  struct pollfd end {
    fd.get(), POLLIN, 0
  };
  if (::poll(&end, 1, -1) != 1) return fail(system_error("poll a pidfd", errno));
  return "killed a process and saw its end";
}

// What init does to the program, which is in a user namespace below its own, after it has dropped
// its capabilities: what is left is that it owns that namespace.
constexpr char kRead[] = "mayfly";
char program_memory[sizeof kRead];

Result<std::string> read_below() {
  TRY(enter_user_namespace());
  const sys::Pipe told = TRY(sys::pipe());
  // Same address in the child, other content.
  const Helper program([&]() -> int {
    if (!sys::unshare(CLONE_NEWUSER) || !sys::drop_capabilities()) return 1;
    std::memcpy(program_memory, kRead, sizeof kRead);
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    (void)!::write(told.write.get(), "x", 1);
    return ::pause();
  });
  TRY(sys::drop_capabilities());
  char byte = 0;
  struct pollfd ready {
    told.read.get(), POLLIN, 0
  };
  if (::poll(&ready, 1, 1000) != 1 || ::read(told.read.get(), &byte, 1) != 1) {
    return fail(system_error("the process below did not start", ETIMEDOUT));
  }
  char copy[sizeof kRead] = {};
  const iovec here{copy, sizeof copy};
  const iovec there{program_memory, sizeof program_memory};
  if (::process_vm_readv(program.pid(), &here, 1, &there, 1, 0) < 0) {
    return fail(system_error("process_vm_readv", errno));
  }
  if (std::strcmp(copy, kRead) != 0) return fail(system_error("process_vm_readv", EIO));
  const OwnedFd fd = TRY(sys::pidfd_open(program.pid()));
  const OwnedFd taken(static_cast<int>(::syscall(SYS_pidfd_getfd, fd.get(), told.write.get(), 0)));
  if (!taken.valid()) return fail(system_error("pidfd_getfd", errno));
  return "process_vm_readv and pidfd_getfd of a process in a user namespace below: done";
}

// Asks for a socket of our own.
Result<std::string> unix_diag() {
  const sys::SocketPair pair = TRY(sys::socketpair_seqpacket());
  const struct stat info = TRY(sys::fstat(pair.first.get()));
  const OwnedFd netlink(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink.valid()) return fail(system_error("socket NETLINK_SOCK_DIAG", errno));
  struct {
    nlmsghdr header;
    unix_diag_req body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.body.sdiag_family = AF_UNIX;
  request.body.udiag_states = ~0U;
  request.body.udiag_ino = static_cast<unsigned>(info.st_ino);
  request.body.udiag_show = UDIAG_SHOW_PEER;
  request.body.udiag_cookie[0] = request.body.udiag_cookie[1] = ~0U;
  if (::send(netlink.get(), &request, sizeof request, 0) < 0) {
    return fail(system_error("send to NETLINK_SOCK_DIAG", errno));
  }
  alignas(nlmsghdr) char answer[8192];
  const ssize_t got = ::recv(netlink.get(), answer, sizeof answer, 0);
  if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) {
    return fail(system_error("recv from NETLINK_SOCK_DIAG", got < 0 ? errno : EPROTO));
  }
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  if (header->nlmsg_type == NLMSG_ERROR) {
    const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
    return fail(system_error("unix_diag", -error->error));
  }
  return "asked for a socket and got its peer";
}

}  // namespace

std::vector<Row> process_rows() {
  return {
      {"clone3",
       "clone3",
       "tier full",
       {Tier::kFull},
       "",
       clone3_call,
       needs_linux("5.3", "clone3")},
      {"pidfd",
       "pidfd",
       "every sandbox",
       {Tier::kFull, Tier::kLandlock},
       "",
       pidfd,
       needs_linux("5.3", "pidfd_open and pidfd_send_signal")},
      {"read_below",
       "reading a program from init",
       "unix sockets, denials with names",
       {},
       "user_namespaces",
       read_below,
       ptrace_remedy},
      {"unix_diag",
       "unix_diag",
       "unix sockets",
       {},
       "",
       unix_diag,
       needs_linux("3.3", "CONFIG_UNIX_DIAG (modprobe unix_diag)")},
  };
}

}  // namespace mayfly::sandbox::probes
