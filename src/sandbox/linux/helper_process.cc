#include "sandbox/linux/helper_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "base/sys.h"
#include "sandbox/engine.h"
#include "sandbox/linux/cgroup_keeper.h"
#include "sandbox/linux/zygote.h"

namespace mayfly::sandbox {
namespace {

constexpr int kControlFd = 3;
constexpr int kProgramFd = 4;

class SpawnSetup {
 public:
  SpawnSetup() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Result<pid_t> spawn(std::string name, int control, int program) {
    ::posix_spawn_file_actions_adddup2(&actions_, control, kControlFd);
    ::posix_spawn_file_actions_adddup2(&actions_, program, kProgramFd);
    for (const int fd : {0, 1, 2}) {
      ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", O_RDWR, 0);
    }
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, kProgramFd + 1);
    sigset_t all;
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &all);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    const std::string path = "/proc/self/fd/" + std::to_string(kProgramFd);
    char* argv[] = {name.data(), nullptr};
    char* envp[] = {nullptr};
    pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, path.c_str(), &actions_, &attributes_, argv, envp);
    if (failed != 0) return fail(system_error("posix_spawn of " + name, failed));
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

Result<HelperProcess> spawn_helper(const char* name, const OwnedFd& program) {
  auto [ours, theirs] = TRY(sys::socketpair_seqpacket());
  // A descriptor that has the number already would stay close-on-exec, or be overwritten.
  const auto above = [](int fd) { return OwnedFd(::fcntl(fd, F_DUPFD_CLOEXEC, kProgramFd + 1)); };
  const OwnedFd control = above(theirs.get());
  const OwnedFd binary = above(program.get());
  // posix_spawn would leave out what is not there, and start a helper that nobody can reach.
  if (!control.valid() || !binary.valid()) {
    return fail(system_error(std::string("make room for the descriptors of ") + name, EMFILE));
  }
  HelperProcess helper;
  helper.pid = TRY(SpawnSetup().spawn(name, control.get(), binary.get()));
  helper.control = std::move(ours);
  helper.pidfd = TRY(sys::pidfd_open(helper.pid));
  return helper;
}

std::optional<int> helper_main(int argc, char** argv, TaskTable tasks) {
  if (argc != 1) return std::nullopt;
  const std::string_view name = argv[0];
  if (name != kZygoteName && name != kKeeperName) return std::nullopt;
  (void)sys::close_range(kProgramFd, ~0U);
  struct stat control {};
  if (::fstat(kControlFd, &control) < 0 || !S_ISSOCK(control.st_mode)) return 1;
  if (name == kKeeperName) return keeper_main(OwnedFd(kControlFd));
  return zygote_main(OwnedFd(kControlFd), tasks);
}

}  // namespace mayfly::sandbox
