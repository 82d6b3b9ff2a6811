#include "sandbox/linux/payload.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/init.h"
#include "sandbox/linux/messages.h"

// The child shares init's memory until it execs (CLONE_VM | CLONE_VFORK: nothing is copied,
// measured 0.2 ms). So everything that it needs is laid out beforehand, and between clone and exec
// there are only system calls: no allocation, no lock, no Result.
namespace mayfly::sandbox {
namespace {

struct Launch {
  // In.
  const char* program;
  char* const* argv;
  char* const* envp;
  const char* cwd;
  int standard[3];
  int host_proc;
  int channel;
  const char* uid_map;
  const char* gid_map;
  struct rlimit processes;
  const sock_fprog* filters;
  const bool* filter_listens;
  std::size_t filter_count;
  iovec started;  // the kStarted message that carries the listener
  // Out: what failed, valid once the child has exec'd or exited.
  const char* failed_stage;
  int failed_errno;
};

bool write_map(int proc, const char* file, const char* text) {
  const int fd = openat(proc, file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const auto size = static_cast<ssize_t>(strlen(text));
  const bool written = write(fd, text, static_cast<std::size_t>(size)) == size;
  const int saved = errno;
  close(fd);
  errno = saved;
  return written;
}

// Maps the one id that exists. The files below /proc/self belong to root while a process is not
// dumpable, so it is dumpable for these two writes.
bool map_ids(const Launch& launch) {
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) return false;
  const bool mapped = write_map(launch.host_proc, "self/uid_map", launch.uid_map) &&
                      write_map(launch.host_proc, "self/gid_map", launch.gid_map);
  const int saved = errno;
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  errno = saved;
  return mapped;
}

bool drop_privileges() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_capset, &header, none) == 0;
}

bool reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < 65; ++number) {
    // SIGKILL, SIGSTOP and the two of the threading library refuse; they are at their default.
    syscall(SYS_rt_sigaction, number, &standard, nullptr, 8);
  }
  const std::uint64_t empty = 0;
  return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &empty, nullptr, sizeof empty) == 0;
}

bool take_streams(const Launch& launch) {
  // init keeps its own descriptors above 2, so no dup2 can overwrite one that is still needed.
  for (int i = 0; i < 3; ++i) {
    if (dup2(launch.standard[i], i) < 0) return false;
  }
  return true;
}

bool send_listener(const Launch& launch, int listener) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part = launch.started;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof listener);
  memcpy(CMSG_DATA(rights), &listener, sizeof listener);
  return sendmsg(launch.channel, &header, MSG_NOSIGNAL) >= 0;
}

bool load_filters(const Launch& launch) {
  for (std::size_t i = 0; i < launch.filter_count; ++i) {
    const unsigned flags = launch.filter_listens[i] ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0U;
    const long loaded = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &launch.filters[i]);
    if (loaded < 0) return false;
    if (!launch.filter_listens[i]) continue;
    if (!send_listener(launch, static_cast<int>(loaded))) return false;
    close(static_cast<int>(loaded));
  }
  return true;
}

// The stages of becoming the program, in their order. `failed_stage` always names the current one.
int become_program(void* argument) {
  auto& launch = *static_cast<Launch*>(argument);
  const auto stage = [&launch](const char* name, bool done) {
    if (done) return;
    launch.failed_errno = errno;
    launch.failed_stage = name;
    _exit(127);
  };
  stage("new session", setsid() >= 0);
  stage("user namespace", map_ids(launch));
  // Counted in this user namespace alone (user_namespaces(7), per-namespace limits: Linux 5.14).
  stage("process limit", setrlimit(RLIMIT_NPROC, &launch.processes) == 0);
  stage("streams", take_streams(launch));
  stage("signals", reset_signals());
  umask(022);
  stage("working directory", chdir(launch.cwd) == 0);
  stage("privileges", drop_privileges());
  stage("descriptors", fcntl(launch.channel, F_SETFD, FD_CLOEXEC) == 0 &&
                           syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0);
  stage("seccomp", load_filters(launch));
  execve(launch.program, launch.argv, launch.envp);
  stage("exec", false);
  return 127;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

Error not_started(const std::string& program, int number) {
  Error error = system_error("exec " + text::one_line(program), number);
  error.code = ErrorCode::kProgramNotStarted;
  error.field = "command";
  error.value = text::one_line(program);
  error.remedy =
      number == ENOENT
          ? "Give the name of a program on the sandbox's PATH, or a path that is visible inside"
          : "Make the file executable and start it with #! and its interpreter";
  return error;
}

// The file that argv[0] means, by the rules of execvp(3) but for its shell fallback.
Result<std::string> find_program(const std::string& name, const std::string& path,
                                 const std::string& cwd) {
  if (name.find('/') != std::string::npos) return name;
  int number = ENOENT;
  for (const std::string& directory : text::split(path, ':')) {
    if (name.empty()) break;
    std::string candidate = (directory.empty() ? cwd : directory) + "/" + name;
    struct stat info {};
    if (::stat(candidate.c_str(), &info) < 0 || !S_ISREG(info.st_mode)) continue;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    number = EACCES;
  }
  return fail(not_started(name, number));
}

Error explain(const Launch& launch, const CallPlan& call) {
  const std::string stage = launch.failed_stage;
  if (stage == "exec") return not_started(launch.program, launch.failed_errno).within("exec");
  Error error = system_error(stage, launch.failed_errno);
  error.code = ErrorCode::kSetupFailed;
  if (stage == "working directory") {
    error.code = ErrorCode::kInvalidArgument;
    error.field = "cwd";
    error.value = text::one_line(call.cwd);
    error.remedy = "Give a directory that exists inside the sandbox, such as the workspace";
  }
  return error;
}

}  // namespace

Result<pid_t> start_payload(const RootPlan& root, const CallPlan& call, const InitInputs& inputs) {
  const std::string program = TRY(find_program(call.argv.front(), call.path, call.cwd));
  const std::vector<char*> argv = pointers(call.argv);
  const std::vector<char*> envp = pointers(call.environment);
  const auto map = [](unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1"; };
  const std::string uid_map = map(root.identity.inside_uid);
  const std::string gid_map = map(root.identity.inside_gid);
  std::vector<sock_fprog> filters;
  std::vector<char> listens;
  for (const FilterProgram& filter : root.filters) {
    auto* code = reinterpret_cast<sock_filter*>(const_cast<char*>(filter.bytes.data()));
    filters.push_back(
        {static_cast<unsigned short>(filter.bytes.size() / sizeof(sock_filter)), code});
    listens.push_back(filter.listener ? 1 : 0);
  }
  Note started_note;
  started_note.kind = Kind::kStarted;
  std::string started = encode(started_note);

  Launch launch{};
  launch.program = program.c_str();
  launch.argv = argv.data();
  launch.envp = envp.data();
  launch.cwd = call.cwd.c_str();
  for (int i = 0; i < 3; ++i) launch.standard[i] = inputs.standard[i].get();
  launch.host_proc = inputs.host_proc.get();
  launch.channel = inputs.channel.get();
  launch.uid_map = uid_map.c_str();
  launch.gid_map = gid_map.c_str();
  launch.processes = {call.limits.processes, call.limits.processes};
  launch.filters = filters.data();
  launch.filter_listens = reinterpret_cast<const bool*>(listens.data());
  launch.filter_count = filters.size();
  launch.started = {started.data(), started.size()};

  constexpr std::size_t kStackBytes = 64 * 1024;
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return fail(system_error("mmap the program's first stack", errno));
  const pid_t child = clone(become_program, static_cast<char*>(stack) + kStackBytes,
                            CLONE_VM | CLONE_VFORK | CLONE_NEWUSER | SIGCHLD, &launch);
  const int clone_errno = errno;
  munmap(stack, kStackBytes);
  if (child < 0) return fail(system_error("clone the program", clone_errno));
  if (launch.failed_stage != nullptr) return fail(explain(launch, call));
  return child;
}

}  // namespace mayfly::sandbox
