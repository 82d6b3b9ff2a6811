// Attacks from a sandbox that shares the host's namespaces on what belongs to the same user: another
// process ($VICTIM_NEIGHBOUR), files outside of the workspace ($VICTIM_SENTINEL, $VICTIM_SECRET_FILE),
// the network, the host's message queues and shared memory.
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <utime.h>

#include "../victims/victim.h"

using namespace mayfly::victim;

namespace {

Outcome opens(const std::string& path, int flags = O_RDONLY) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd >= 0) close(fd);
  return must_fail(fd);
}

void attack_process(Victim& victim, pid_t neighbour) {
  const std::string proc = "/proc/" + std::to_string(neighbour) + "/";
  victim.attempt("kill", Alone::kSucceeds, [=] { return must_fail(kill(neighbour, 0)); });
  victim.attempt("tgkill", Alone::kSucceeds,
                 [=] { return must_fail(syscall(SYS_tgkill, neighbour, neighbour, 0)); });
  victim.attempt("pidfd_send_signal", Alone::kSucceeds, [=] {
    const long pidfd = syscall(SYS_pidfd_open, neighbour, 0);
    return must_fail(syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0));
  });
  victim.attempt("rt_sigqueueinfo", Alone::kSucceeds, [=] {
    siginfo_t info{};
    info.si_code = SI_QUEUE;
    return must_fail(syscall(SYS_rt_sigqueueinfo, neighbour, 0, &info));
  });
  victim.attempt("killing the parent, which is not its own", Alone::kDangerous,
                 [] { return must_fail(kill(getppid(), 0)); });
  victim.attempt("ptrace of the parent", Alone::kDangerous,
                 [] { return must_fail(ptrace(PTRACE_SEIZE, getppid(), nullptr, nullptr)); });
  victim.attempt("ptrace", Alone::kUncertain, [=] {
    const long seized = ptrace(PTRACE_SEIZE, neighbour, nullptr, nullptr);
    if (seized == 0) ptrace(PTRACE_DETACH, neighbour, nullptr, nullptr);
    return must_fail(seized);
  });
  victim.attempt("process_vm_readv", Alone::kUncertain, [=] {
    char byte = 0;
    struct iovec here {&byte, 1};
    struct iovec there {reinterpret_cast<void*>(0x400000), 1};
    if (process_vm_readv(neighbour, &here, 1, &there, 1, 0) < 0 && errno == EPERM) return blocked();
    return succeeded("was let in");
  });
  for (const char* name : {"environ", "maps", "cmdline", "status", "stat", "net/unix", "fd", "mem"}) {
    victim.attempt(std::string("/proc/PID/") + name, Alone::kSucceeds, [&] { return opens(proc + name); });
  }
  victim.attempt("the list of processes", Alone::kSucceeds, [] { return opens("/proc", O_RDONLY | O_DIRECTORY); });
  victim.attempt("/proc/PID/root", Alone::kSucceeds, [&] {
    char target[64];
    return must_fail(readlink((proc + "root").c_str(), target, sizeof target));
  });
  victim.attempt("prlimit", Alone::kSucceeds, [=] {
    struct rlimit limit {};
    if (prlimit(neighbour, RLIMIT_CORE, nullptr, &limit) < 0) return blocked();
    return must_fail(prlimit(neighbour, RLIMIT_CORE, &limit, nullptr));
  });
  victim.attempt("setpriority", Alone::kSucceeds, [=] {
    return must_fail(setpriority(PRIO_PROCESS, static_cast<id_t>(neighbour), 1));
  });
  victim.attempt("setpriority of the user", Alone::kDangerous,
                 [] { return must_fail(setpriority(PRIO_USER, 0, 1)); });
  victim.attempt("sched_setaffinity", Alone::kSucceeds, [=] {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    return must_fail(sched_setaffinity(neighbour, sizeof set, &set));
  });
  victim.attempt("ioprio_set", Alone::kSucceeds,
                 [=] { return must_fail(syscall(SYS_ioprio_set, 1, neighbour, 2 << 13)); });
}

// Everything by which a file's mode, time or content can be reached.
void attack_file(Victim& victim, const std::string& file, const std::string& directory) {
  const char* path = file.c_str();
  victim.attempt("reading", Alone::kSucceeds, [=] { return opens(path); });
  victim.attempt("writing", Alone::kSucceeds, [=] { return opens(path, O_WRONLY); });
  victim.attempt("listing", Alone::kSucceeds, [&] { return opens(directory, O_RDONLY | O_DIRECTORY); });
  victim.attempt("truncate", Alone::kDangerous, [=] { return must_fail(truncate(path, 0)); });
  victim.attempt("unlink", Alone::kDangerous, [=] { return must_fail(unlink(path)); });
  victim.attempt("link", Alone::kUncertain, [=] { return must_fail(link(path, "linked")); });
  victim.attempt("rename", Alone::kDangerous, [=] { return must_fail(rename(path, "moved")); });
  victim.attempt("a file beside it", Alone::kSucceeds, [&] {
    return opens(directory + "/made-by-victim", O_CREAT | O_WRONLY);
  });
  victim.attempt("chmod", Alone::kSucceeds, [=] { return must_fail(chmod(path, 0604)); });
  victim.attempt("fchmodat", Alone::kSucceeds, [&] {
    const int at = open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    return must_fail(fchmodat(at, file.substr(directory.size() + 1).c_str(), 0604, 0));
  });
  victim.attempt("chmod of the directory", Alone::kSucceeds,
                 [&] { return must_fail(chmod(directory.c_str(), 0705)); });
  victim.attempt("chmod through a link", Alone::kSucceeds, [=] {
    unlink("to-it");
    if (symlink(path, "to-it") < 0) return blocked("no link");
    return must_fail(chmod("to-it", 0605));
  });
  victim.attempt("chmod through /proc/self", Alone::kSucceeds, [&] {
    return must_fail(chmod(("/proc/self/root" + file).c_str(), 0604));
  });
  victim.attempt("chmod of an open file", Alone::kUncertain, [=] {
    const int fd = open(path, O_PATH | O_CLOEXEC);
    return must_fail(chmod(("/proc/self/fd/" + std::to_string(fd)).c_str(), 0604));
  });
  victim.attempt("chmod relative to elsewhere", Alone::kSucceeds, [&] {
    if (chdir(directory.c_str()) < 0) return blocked("no chdir");
    const int done = chmod(file.substr(directory.size() + 1).c_str(), 0604);
    const int reason = errno;
    if (chdir(setting("VICTIM_WORKSPACE").c_str()) < 0) return succeeded("lost");
    errno = reason;
    return must_fail(done);
  });
  victim.attempt("fchmod of a file of the system's", Alone::kUncertain, [] {
    const int fd = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);
    struct stat info {};
    fstat(fd, &info);
    return must_fail(fchmod(fd, info.st_mode & 0777));
  });
  victim.attempt("utime", Alone::kSucceeds, [=] {
    const struct utimbuf times {1, 1};
    return must_fail(utime(path, &times));
  });
  victim.attempt("utimensat", Alone::kSucceeds,
                 [=] { return must_fail(utimensat(AT_FDCWD, path, nullptr, 0)); });
  victim.attempt("utimes", Alone::kSucceeds, [=] { return must_fail(utimes(path, nullptr)); });
  victim.attempt("chown", Alone::kSucceeds, [=] { return must_fail(chown(path, getuid(), getgid())); });
  victim.attempt("setxattr", Alone::kUncertain,
                 [=] { return must_fail(setxattr(path, "user.victim", "x", 1, 0)); });
  victim.attempt("inotify", Alone::kSucceeds, [&] {
    return must_fail(inotify_add_watch(inotify_init(), directory.c_str(), IN_ALL_EVENTS));
  });
}

// A mode that changes while init looks at the path: never outside of the workspace.
void race_for_the_mode(Victim& victim, const std::string& file) {
  victim.attempt("chmod of a path that is exchanged meanwhile", Alone::kUncertain, [&] {
    struct stat before {};
    struct stat after {};
    stat(file.c_str(), &before);
    close(open("mine", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const pid_t exchanger = fork();
    if (exchanger == 0) {
      while (getppid() != 1) {
        unlink("either");
        (void)!symlink("mine", "either");
        unlink("either");
        (void)!symlink(file.c_str(), "either");
      }
      _exit(0);
    }
    for (int i = 0; i < 5000; ++i) chmod("either", 0640);
    kill(exchanger, SIGKILL);
    waitpid(exchanger, nullptr, 0);
    stat(file.c_str(), &after);
    if (before.st_mode == after.st_mode) return blocked("the mode is what it was");
    return succeeded("another mode");
  });
}

void attack_channels(Victim& victim) {
  const struct {
    const char* name;
    int family;
    int type;
  } sockets[] = {{"inet", AF_INET, SOCK_STREAM},   {"inet datagram", AF_INET, SOCK_DGRAM},
                 {"inet6", AF_INET6, SOCK_STREAM}, {"unix", AF_UNIX, SOCK_STREAM},
                 {"unix datagram", AF_UNIX, SOCK_DGRAM}, {"netlink", AF_NETLINK, SOCK_RAW}};
  for (const auto& [name, family, type] : sockets) {
    victim.attempt(std::string("socket ") + name, Alone::kSucceeds,
                   [family = family, type = type] { return must_fail(socket(family, type, 0)); });
  }
  victim.attempt("a pair of datagram sockets", Alone::kSucceeds, [] {
    int pair[2];
    return must_fail(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  });
  victim.attempt("connect of a socket of a pair", Alone::kUncertain, [] {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return succeeded("not even a pair");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, "/dev/log");
    const int done = connect(pair[0], reinterpret_cast<sockaddr*>(&address), sizeof address);
    return done < 0 && errno == EPERM ? blocked() : succeeded("reached the kernel");
  });
  victim.attempt("shmget", Alone::kSucceeds,
                 [] { return must_fail(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600)); });
  victim.attempt("semget", Alone::kSucceeds,
                 [] { return must_fail(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600)); });
  victim.attempt("msgget", Alone::kSucceeds,
                 [] { return must_fail(msgget(IPC_PRIVATE, IPC_CREAT | 0600)); });
  victim.attempt("mq_open", Alone::kSucceeds, [] {
    return must_fail(syscall(SYS_mq_open, "victim", O_CREAT | O_RDWR, 0600, nullptr));
  });
  victim.attempt("a file in /dev/shm", Alone::kSucceeds,
                 [] { return opens("/dev/shm/made-by-victim", O_CREAT | O_WRONLY); });
  victim.attempt("a file in /tmp", Alone::kSucceeds,
                 [] { return opens("/tmp/made-by-victim", O_CREAT | O_WRONLY); });
  victim.attempt("a terminal", Alone::kSucceeds, [] { return opens("/dev/ptmx", O_RDWR | O_NOCTTY); });
  victim.attempt("the list of terminals", Alone::kSucceeds,
                 [] { return opens("/dev/pts", O_RDONLY | O_DIRECTORY); });
}

void loosen_own_limits(Victim& victim) {
  victim.attempt("no_new_privs off", Alone::kUncertain,
                 [] { return must_fail(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); });
  victim.attempt("set-uid on an own file", Alone::kSucceeds, [] {
    close(open("own", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    return must_fail(chmod("own", 04755));
  });
}

}  // namespace

int main() {
  Victim victim;
  const std::string secret = setting("VICTIM_SECRET_FILE");
  attack_process(victim, atoi(setting("VICTIM_NEIGHBOUR").c_str()));
  attack_file(victim, secret, secret.substr(0, secret.rfind('/')));
  race_for_the_mode(victim, secret);
  attack_channels(victim);
  loosen_own_limits(victim);
  return victim.result();
}
