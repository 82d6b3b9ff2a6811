#include "sandbox/linux/payload.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/init.h"
#include "sandbox/linux/observed_calls.h"
#include "sandbox/linux/task_run.h"

// The child shares init's memory until it execs (CLONE_VM | CLONE_VFORK: nothing is copied,
// measured 0.2 ms). So everything that it needs is laid out beforehand, and between clone and exec
// there are only system calls: no allocation, no lock, no Result.
//
// A task never execs, so its child is a copy of init instead, which owns its memory: it goes
// through the same stages, and then runs the task. What it could still learn from that memory is
// the plan of its own sandbox; what init shares with the server is not copied (LedgerWriter).
namespace mayfly::sandbox {
namespace {

// What a child says of the stage that failed. Shared, and a child that was taken over may have
// written anything: nothing here is a pointer.
struct Failure {
  char stage[32];  // empty: none did
  std::int32_t number;
};

class SharedFailure {
 public:
  static Result<SharedFailure> map() {
    void* page =
        mmap(nullptr, sizeof(Failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return fail(system_error("mmap a page for what fails", errno));
    return SharedFailure(static_cast<Failure*>(page));
  }
  SharedFailure(SharedFailure&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}
  ~SharedFailure() {
    if (page_ != nullptr) munmap(page_, sizeof *page_);
  }
  Failure* page() const { return page_; }

 private:
  explicit SharedFailure(Failure* page) : page_(page) {}

  Failure* page_;
};

struct Launch {
  // In.
  char* const* candidates;  // paths of the program, tried in order, up to a null pointer
  char* const* argv;
  char* const* envp;
  const char* cwd;
  int standard[3];
  bool has_terminal;  // which all three are
  int notebook;       // the program has it as kNotebookFd, or -1
  int host_proc;
  int messenger;  // takes the listener to init, which has a descriptor table of its own
  bool own_namespaces;
  int ruleset;                    // Landlock's, or -1
  std::uint64_t own_proc_access;  // what the ruleset allows below /proc/self; 0: no rule for it
  std::uint32_t ruleset_flags;
  const char* uid_map;
  const char* gid_map;
  struct rlimit processes;
  struct rlimit cpu_seconds;
  struct rlimit files;
  std::uint64_t capabilities;  // kept: bits by number
  const sock_fprog* filters;
  const bool* filter_listens;
  std::size_t filter_count;
  const Task* task;  // instead of a program
  // Out: valid once the child has exec'd, exited, or let go of the messenger.
  Failure* failure;
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

// What the kernel counts for a user counts for the host's user too: some of it stays for others.
// And no user namespace below this one, whatever the filters let through.
bool limit_user_counts(const Launch& launch) {
  return write_map(launch.host_proc, "sys/user/max_inotify_instances", "64") &&
         write_map(launch.host_proc, "sys/user/max_user_namespaces", "0");
}

// Takes from the bounding set what is not kept, and puts what is into the ambient set, which is
// what a program without set-id bits starts with.
bool bound_capabilities(std::uint64_t kept) {
  for (unsigned long one = 0; prctl(PR_CAPBSET_READ, one, 0, 0, 0) >= 0; ++one) {
    if ((kept >> one & 1) == 0 && prctl(PR_CAPBSET_DROP, one, 0, 0, 0) < 0) return false;
  }
  return true;
}

bool raise_ambient(std::uint64_t kept) {
  for (unsigned long one = 0; kept >> one != 0; ++one) {
    if ((kept >> one & 1) == 0) continue;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, one, 0, 0) < 0) return false;
  }
  return true;
}

bool drop_privileges(std::uint64_t kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const auto low = static_cast<std::uint32_t>(kept);
  const auto high = static_cast<std::uint32_t>(kept >> 32);
  const __user_cap_data_struct sets[2] = {{low, low, low}, {high, high, high}};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return false;
  if (kept != 0 && !bound_capabilities(kept)) return false;
  return syscall(SYS_capset, &header, sets) == 0 && raise_ambient(kept);
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

// To a number of its own, close-on-exec: what is already at `wanted` is lost. -1 stays -1.
bool place(int& fd, int wanted) {
  if (fd < 0) return true;
  if (dup3(fd, wanted, O_CLOEXEC) < 0) return false;
  fd = wanted;
  return true;
}

// The program's three streams, its notebook if it has one, the messenger, and the ruleset until it
// is enforced. Everything else is really closed here, not only at exec: from now on paths are
// looked up that a caller chose, and /proc/self/fd would lead through what init has open
// (CVE-2024-21626 was that).
bool keep_only_streams(Launch& launch) {
  // init's own are all above 2; the ones from here on are copied before they can be overwritten.
  for (int i = 0; i < 3; ++i) {
    if (dup2(launch.standard[i], i) < 0) return false;
  }
  constexpr int kPlaces = kNotebookFd + 3;
  // Each may have the number that another is to get: first they all go out of the way.
  for (int* fd : {&launch.notebook, &launch.messenger, &launch.ruleset}) {
    if (*fd >= 0 && (*fd = fcntl(*fd, F_DUPFD_CLOEXEC, kPlaces)) < 0) return false;
  }
  int next = kNotebookFd;
  if (launch.notebook >= 0 && dup2(launch.notebook, next++) < 0) return false;
  if (!place(launch.messenger, next++)) return false;
  if (launch.ruleset >= 0 && !place(launch.ruleset, next++)) return false;
  return syscall(SYS_close_range, static_cast<unsigned>(next), ~0U, 0) == 0;
}

// Every process has a directory of its own in /proc, so a rule can be made only once this one is
// there, and covers no other process.
bool allow_own_proc(const Launch& launch) {
  const int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (self < 0) return false;
  const bool added = add_landlock_rule(launch.ruleset, self, launch.own_proc_access) == 0;
  const int saved = errno;
  close(self);
  errno = saved;
  return added;
}

// Before the first path of the caller's is looked up. Reads nothing that a filter would forbid.
bool enforce_ruleset(const Launch& launch) {
  if (launch.ruleset < 0) return true;
  if (launch.own_proc_access != 0 && !allow_own_proc(launch)) return false;
  if (syscall(SYS_landlock_restrict_self, launch.ruleset, launch.ruleset_flags) < 0) return false;
  return close(launch.ruleset) == 0;
}

// A working directory that does not go through the magic links of /proc.
// Without a mount namespace there are directories that exist and are none of the caller's business:
// opened for reading, they are Landlock's.
bool enter_directory(const Launch& launch) {
  const char* path = launch.cwd;
  open_how how{};
  how.flags = (launch.own_namespaces ? O_PATH : O_RDONLY) | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  const long directory = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (directory < 0) return false;
  const bool entered = fchdir(static_cast<int>(directory)) == 0;
  const int saved = errno;
  close(static_cast<int>(directory));
  errno = saved;
  return entered;
}

// execvp(3) without its shell: the first candidate that is there and may run.
void exec_first(Launch& launch) {
  int failure = ENOENT;
  for (char* const* candidate = launch.candidates; *candidate != nullptr; ++candidate) {
    syscall(SYS_execve, *candidate, launch.argv, launch.envp, kUnnoticedExec);
    if (errno != ENOENT && errno != ENOTDIR) failure = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  errno = failure;
}

bool send_listener(const Launch& launch, int listener) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  char something = 0;  // a message without data is taken for the end
  iovec part{&something, sizeof something};
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
  return sendmsg(launch.messenger, &header, MSG_NOSIGNAL) >= 0;
}

// Linux 5.19: once init has a notification, only a fatal signal ends the wait for its answer, so
// that no call is done twice. Found by trying.
constexpr unsigned kWaitKillableRecv = 1U << 5;

long load_with_listener(const sock_fprog& filter) {
  const long loaded = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                              SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillableRecv, &filter);
  if (loaded >= 0 || errno != EINVAL) return loaded;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
}

// Between the filter with the listener and the program there are only calls that it allows: who
// would answer them waits for this process.
bool load_filters(const Launch& launch) {
  for (std::size_t i = 0; i < launch.filter_count; ++i) {
    const sock_fprog& filter = launch.filters[i];
    if (!launch.filter_listens[i]) {
      if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0U, &filter) < 0) return false;
      continue;
    }
    const long listener = load_with_listener(filter);
    if (listener < 0 || !send_listener(launch, static_cast<int>(listener))) return false;
    close(static_cast<int>(listener));
  }
  return true;
}

// A copy of init is as little dumpable as that. The files in /proc of what is not are root's, and
// init could not count what it uses.
bool let_init_watch() { return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0; }

// From here on nothing is shared with init.
[[noreturn]] void become_task(const Launch& launch, TaskRun* run) {
  munmap(launch.failure, sizeof *launch.failure);
  close(launch.messenger);
  finish_task(run);
}

// The stages of becoming the program or the task, in their order.
int become_payload(void* argument) {
  auto& launch = *static_cast<Launch*>(argument);
  const auto stage = [&launch](const char* name, bool done) {
    if (done) return;
    launch.failure->number = errno;
    memcpy(launch.failure->stage, name, std::min(strlen(name), sizeof launch.failure->stage - 1));
    _exit(127);
  };
  stage("new session", setsid() >= 0);
  if (launch.has_terminal) stage("terminal", ioctl(launch.standard[0], TIOCSCTTY, 0) == 0);
  if (launch.own_namespaces) stage("user namespace", map_ids(launch));
  // Counted in this user namespace alone (user_namespaces(7), per-namespace limits: Linux 5.14).
  if (launch.own_namespaces) stage("user counts", limit_user_counts(launch));
  stage("process limit", setrlimit(RLIMIT_NPROC, &launch.processes) == 0);
  stage("CPU limit", setrlimit(RLIMIT_CPU, &launch.cpu_seconds) == 0);
  stage("descriptors", keep_only_streams(launch));
  stage("signals", reset_signals());
  umask(022);
  stage("privileges", drop_privileges(launch.capabilities));
  stage("landlock", enforce_ruleset(launch));
  stage("working directory", enter_directory(launch));
  std::unique_ptr<TaskRun> run;
  if (launch.task != nullptr) {
    stage("watch", let_init_watch());
    stage("prepare", prepare_task(*launch.task, run));
  }
  stage("seccomp", load_filters(launch));
  // Last, and below what the server, the zygote and other calls have: as many descriptors as this
  // may be in flight over sockets for all processes of one uid together (ETOOMANYREFS).
  stage("open files",
        syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &launch.files, nullptr, kUnnoticedExec) == 0);
  if (launch.task != nullptr) become_task(launch, run.get());
  exec_first(launch);
  stage("exec", false);
  return 127;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

const char* remedy_for(const std::string& program, int number) {
  const bool is_path = program.find('/') != std::string::npos;
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return is_path ? "Give a path that is visible inside; of a script, the interpreter behind #! "
                       "must be there too"
                     : "Give the name of a program on the sandbox's PATH, or a path";
    case E2BIG:
      return "Arguments and environment are too long together, or one of them is longer than 128 "
             "KiB: send it as stdin or write it to a file";
    case ENOEXEC:
      return "Start the file with #! and its interpreter";
    default:
      return "Name a file, not a directory, and make it executable";
  }
}

Error not_started(const std::string& program, int number) {
  Error error = system_error("exec " + text::one_line(program), number);
  error.code = ErrorCode::kProgramNotStarted;
  error.field = "command";
  error.value = text::one_line(program);
  error.remedy = remedy_for(program, number);
  return error;
}

// The paths that argv[0] may mean, by the rules of execvp(3). Only the child looks whether they are
// there: the names are the caller's, and init can see more than the program may.
std::vector<std::string> candidates_of(const std::string& name, const std::string& path,
                                       const std::string& cwd) {
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> candidates;
  if (name.empty()) return candidates;
  for (const std::string& directory : text::split(path, ':')) {
    candidates.push_back((directory.empty() ? cwd : directory) + "/" + name);
  }
  return candidates;
}

// A backstop behind the watch, or the cgroup, that counts all processes together.
struct rlimit cpu_seconds(const Limits& limits) {
  struct rlimit inherited {};
  ::getrlimit(RLIMIT_CPU, &inherited);
  if (limits.cpu.count() == 0) return inherited;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(limits.cpu).count();
  const rlim_t soft = std::min(static_cast<rlim_t>(seconds) + 1, inherited.rlim_max);
  return {soft, std::min(soft + 1, inherited.rlim_max)};
}

Error explain(const Failure& failure, const CallPlan& call) {
  const std::string stage = text::one_line(failure.stage);
  if (stage == "exec" && !call.argv.empty()) return not_started(call.argv.front(), failure.number);
  Error error = system_error(stage, failure.number);
  error.code = ErrorCode::kSetupFailed;
  if (stage == "working directory") {
    error.code = ErrorCode::kInvalidArgument;
    error.field = "cwd";
    error.value = text::one_line(call.cwd);
    error.remedy = "Give a directory that exists inside the sandbox, such as the workspace";
  }
  return error;
}

Result<pid_t> clone_for_program(Launch& launch, unsigned long namespaces) {
  constexpr std::size_t kStackBytes = 64 * 1024;
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return fail(system_error("mmap the program's first stack", errno));
  const pid_t child =
      clone(become_payload, static_cast<char*>(stack) + kStackBytes,
            CLONE_VM | CLONE_VFORK | SIGCHLD | static_cast<int>(namespaces), &launch);
  const int clone_errno = errno;
  munmap(stack, kStackBytes);
  if (child < 0) return fail(system_error("clone the program", clone_errno));
  return child;
}

Result<pid_t> fork_for_task(Launch& launch, unsigned long namespaces) {
  clone_args args{};
  args.flags = namespaces;
  args.exit_signal = SIGCHLD;
  const long child = syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) _exit(become_payload(&launch));
  if (child < 0) return fail(system_error("clone3 for the task", errno));
  return static_cast<pid_t>(child);
}

// Waits until the child lets go of its end, by exec or by itself, or has ended. Before that comes
// the listener if there is one; what comes beyond that is not ours, and is left.
Result<OwnedFd> hear_child(const OwnedFd& messenger) {
  OwnedFd listener;
  for (int i = 0; i < 2; ++i) {
    auto sent = TRY(sys::receive_message(messenger.get()));
    if (!sent.fds.empty()) listener = std::move(sent.fds.front());
    if (sent.data.empty()) break;
  }
  return listener;
}

// A copy of what the child says, which ends whatever it says.
Failure copy_of(const Failure& shared) {
  Failure copy = shared;
  copy.stage[sizeof copy.stage - 1] = '\0';
  return copy;
}

}  // namespace

Result<StartedProgram> start_payload(const RootPlan& root, const CallPlan& call,
                                     const InitInputs& inputs, const Ruleset& ruleset) {
  const Task* const task = TRY(task_of(call, inputs));
  const std::string program = task == nullptr ? call.argv.front() : std::string();
  const std::vector<std::string> paths = candidates_of(program, call.path, call.cwd);
  const std::vector<char*> candidates = pointers(paths);
  const std::vector<char*> argv = pointers(call.argv);
  const std::vector<char*> envp = pointers(call.environment);
  const auto map = [](unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1"; };
  const std::string uid_map = map(root.identity.inside_uid);
  const std::string gid_map = map(root.identity.inside_gid);
  std::vector<sock_fprog> filters;
  std::vector<char> listens;
  for (const FilterProgram& filter : filters_of(root, task)) {
    auto* code = reinterpret_cast<sock_filter*>(const_cast<char*>(filter.bytes.data()));
    filters.push_back(
        {static_cast<unsigned short>(filter.bytes.size() / sizeof(sock_filter)), code});
    listens.push_back(filter.listener ? 1 : 0);
  }
  auto [ours, messenger] = TRY(sys::socketpair_seqpacket());
  const SharedFailure shared = TRY(SharedFailure::map());

  Launch launch{};
  launch.task = task;
  launch.failure = shared.page();
  launch.candidates = candidates.data();
  launch.argv = argv.data();
  launch.envp = envp.data();
  launch.cwd = call.cwd.c_str();
  for (int i = 0; i < 3; ++i) launch.standard[i] = inputs.standard[i].get();
  launch.has_terminal = call.terminal.has_value();
  launch.notebook = inputs.notebook.get();
  launch.host_proc = inputs.host_proc.get();
  launch.messenger = messenger.get();
  launch.own_namespaces = root.tier == Tier::kFull;
  launch.ruleset = ruleset.fd.get();
  if (!launch.own_namespaces) {
    launch.own_proc_access = landlock_access(Reach::kRead, true, ruleset.abi);
  }
  launch.ruleset_flags = ruleset.flags;
  launch.uid_map = uid_map.c_str();
  launch.gid_map = gid_map.c_str();
  // Nobody without privileges sets a limit above his own.
  struct rlimit own {};
  ::getrlimit(RLIMIT_NPROC, &own);
  const rlim_t processes = std::min<rlim_t>(call.process_rlimit, own.rlim_max);
  launch.processes = {processes, processes};
  launch.cpu_seconds = cpu_seconds(call.limits);
  launch.files = {call.limits.open_files, call.limits.open_files};
  // Only over a user namespace of the program's own may it have any. No task has a use for one.
  launch.capabilities = launch.own_namespaces && task == nullptr ? root.capabilities : 0;
  launch.filters = filters.data();
  launch.filter_listens = reinterpret_cast<const bool*>(listens.data());
  launch.filter_count = filters.size();

  const unsigned long namespaces = launch.own_namespaces ? CLONE_NEWUSER : 0;
  StartedProgram started;
  started.pid = TRY(task == nullptr ? clone_for_program(launch, namespaces)
                                    : fork_for_task(launch, namespaces));
  messenger.reset();
  OwnedFd heard = TRY(hear_child(ours));
  started.listener = TRY(Listener::open(std::move(heard)));
  const Failure failure = copy_of(*shared.page());
  if (failure.stage[0] != '\0') return fail(explain(failure, call));
  return started;
}

}  // namespace mayfly::sandbox
