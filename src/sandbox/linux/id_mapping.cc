#include "sandbox/linux/id_mapping.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

Status write_map(const std::string& path, unsigned id) {
  const OwnedFd file = TRY(sys::open(path, O_WRONLY));
  return sys::write_all(file.get(), "0 " + std::to_string(id) + " 1\n1 1 65535\n");
}

// A process whose only purpose is to be in a new user namespace until that has been opened. The
// kernel wants a member; a descriptor keeps it alive afterwards.
class Holder {
 public:
  ~Holder() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }
  Status start() {
    const pid_t server = ::getpid();
    clone_args args{};
    args.flags = CLONE_NEWUSER;
    args.exit_signal = 0;  // nobody is told of its end: the server's own children are not disturbed
    const long pid = ::syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) return fail(system_error("clone3 for an id mapping", errno));
    if (pid == 0) {
      // It has copies of all that the server has open, and must not outlive it.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      ::syscall(SYS_close_range, 0U, ~0U, 0);
      if (::getppid() != server) ::_exit(0);
      while (true) ::syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0);
    }
    pid_ = static_cast<pid_t>(pid);
    return {};
  }
  std::string proc() const { return "/proc/" + std::to_string(pid_); }

 private:
  pid_t pid_ = 0;
};

}  // namespace

Result<OwnedFd> make_id_mapping(uid_t uid, gid_t gid) {
  Holder holder;
  TRY(holder.start());
  TRY(write_map(holder.proc() + "/uid_map", uid));
  TRY(write_map(holder.proc() + "/gid_map", gid));
  return sys::open(holder.proc() + "/ns/user", O_RDONLY);
}

}  // namespace mayfly::sandbox
