#include "sandbox/macos/confined_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sandbox/macos/seatbelt_profile.h"

// From libproc, declared here so that this file can be checked for errors on other systems too.
extern "C" {
int proc_listpgrppids(pid_t group, void* buffer, int size);
int proc_pid_rusage(int pid, int flavor, void* buffer);
}

namespace mayfly::sandbox {
namespace {

constexpr const char* kSandboxExec = "/usr/bin/sandbox-exec";

// struct rusage_info_v0 of <sys/resource.h>; flavour 0.
struct ProcessUse {
  std::uint8_t uuid[16];
  std::uint64_t user_time, system_time, idle_wakeups, interrupt_wakeups, pageins;
  std::uint64_t wired_bytes, resident_bytes, footprint_bytes;
  std::uint64_t started, ended;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& string : strings) out.push_back(const_cast<char*>(string.c_str()));
  out.push_back(nullptr);
  return out;
}

bool lower(int resource, std::uint64_t most) {
  struct rlimit limit {};
  if (::getrlimit(resource, &limit) < 0) return false;
  limit.rlim_max = std::min<rlim_t>(limit.rlim_max, most);
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(resource, &limit) == 0;
}

// Between fork and exec: system calls only.
[[noreturn]] void become(const ConfinedStart& start, char* const* argv, char* const* envp,
                         int failure) {
  const int open_files = static_cast<int>(std::min<std::uint64_t>(start.limits.open_files, 10240));
  bool good = ::setsid() >= 0;
  for (int i = 0; i < 3; ++i) good = good && ::dup2(start.standard[i].get(), i) >= 0;
  good = good && ::chdir(start.cwd.c_str()) == 0 && lower(RLIMIT_CORE, 0) &&
         lower(RLIMIT_NOFILE, std::uint64_t(open_files)) &&
         lower(RLIMIT_FSIZE, start.limits.file_bytes);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  // Everything is close-on-exec from birth; this is for what others have opened in this process.
  const long most = ::sysconf(_SC_OPEN_MAX);
  for (int fd = 3; fd < most && fd < 65536; ++fd) {
    if (fd != failure) ::close(fd);
  }
  if (good) ::execve(kSandboxExec, argv, envp);
  const int number = errno;
  (void)!::write(failure, &number, sizeof number);
  ::_exit(125);
}

}  // namespace

Result<pid_t> start_confined(const ConfinedStart& start) {
  std::vector<std::string> words = {
      kSandboxExec, "-D",          std::string(kSeatbeltPrivate) + "=" + start.private_directory,
      "-p",         start.profile, "--"};
  words.insert(words.end(), start.argv.begin(), start.argv.end());
  std::vector<std::string> variables;
  for (const auto& [name, value] : start.environment) variables.push_back(name + "=" + value);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(variables);

  int ends[2];
  if (::pipe(ends) < 0) return fail(system_error("pipe", errno));
  const OwnedFd told(ends[0]);
  OwnedFd failure(ends[1]);
  ::fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  ::fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  const pid_t pid = ::fork();
  if (pid < 0) return fail(system_error("fork", errno));
  if (pid == 0) become(start, argv.data(), envp.data(), failure.get());
  failure.reset();
  int number = 0;
  if (::read(told.get(), &number, sizeof number) != sizeof number) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  Error error = system_error(std::string("start ") + kSandboxExec, number);
  error.code = ErrorCode::kSetupFailed;
  return fail(std::move(error));
}

GroupUse look_at_group(pid_t group) {
  std::vector<pid_t> pids(4096);
  const int bytes = static_cast<int>(pids.size() * sizeof(pid_t));
  const int count = ::proc_listpgrppids(group, pids.data(), bytes);
  GroupUse use;
  for (int i = 0; i < count && i < static_cast<int>(pids.size()); ++i) {
    ProcessUse process{};
    if (::proc_pid_rusage(pids[static_cast<std::size_t>(i)], 0, &process) != 0) continue;
    ++use.processes;
    use.memory_bytes += process.footprint_bytes;
  }
  return use;
}

}  // namespace mayfly::sandbox
