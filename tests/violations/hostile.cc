// hostile ATTACK [NUMBER]: a program that attacks what watches it. What it must not reach it says
// in lines that start with "SUCCEEDED"; hostile.py looks at the receipt and at the host.

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

// A denied directory of ours: what is made below it is denied, and must never be there.
std::string denied() { return std::getenv("DENIED"); }

void succeeded(const std::string& what) { std::printf("SUCCEEDED %s\n", what.c_str()); }

int i386() {
#ifdef __x86_64__
  long result = 0;
  asm volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
  succeeded("a call of i386 returned " + std::to_string(result));
#endif
  return 0;
}

// One path that changes between what may be made and what may not, while it is looked at.
int race(long tries) {
  static char path[4096];
  const std::string bad = denied() + "/raced";
  const std::string good = "./raced-" + std::string(bad.size() - 8, 'x');
  std::strcpy(path, good.c_str());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) {
      std::memcpy(path, bad.data(), bad.size());
      std::memcpy(path, good.data(), bad.size());
    }
  });
  long refused = 0;
  for (long i = 0; i < tries; ++i) {
    const int fd = ::open(path, O_WRONLY | O_CREAT, 0644);
    if (fd >= 0) {
      ::close(fd);
    } else if (errno == EROFS) {
      ++refused;
    }
  }
  stop = true;
  writer.join();
  std::printf("refused %ld\n", refused);
  return 0;
}

int same(long times) {
  const std::string path = denied() + "/new";
  for (long i = 0; i < times; ++i) ::mkdir(path.c_str(), 0755);
  return 0;
}

int distinct(long times) {
  for (long i = 0; i < times; ++i) ::mkdir((denied() + "/new-" + std::to_string(i)).c_str(), 0755);
  return 0;
}

// All at the same time, and each gets its answer.
int together(long count) {
  int ready[2];
  if (::pipe(ready) != 0) return 1;
  for (long i = 0; i < count; ++i) {
    if (::fork() == 0) {
      char c = 0;
      ::close(ready[1]);
      (void)!::read(ready[0], &c, 1);
      int wrong = 0;
      for (int n = 0; n < 50; ++n) {
        if (::mkdir((denied() + "/new").c_str(), 0755) == 0 || errno != EROFS) wrong = 1;
      }
      ::_exit(wrong);
    }
  }
  ::close(ready[1]);
  int status = 0;
  while (::wait(&status) > 0) {
    if (status != 0) succeeded("a process was not denied");
  }
  return 0;
}

// Threads and processes that end while their call is being looked at.
int killed(long times) {
  for (long i = 0; i < times; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::vector<std::thread> threads;
      for (int t = 0; t < 3; ++t) {
        threads.emplace_back([] {
          for (;;) ::mkdir((denied() + "/new").c_str(), 0755);
        });
      }
      for (;;) ::unlink((denied() + "/file").c_str());
    }
    ::usleep(static_cast<useconds_t>(500 + i % 7 * 300));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  std::printf("done\n");
  return 0;
}

// Signals handled while the call waits: it is made anew, and told once for each time it was denied.
int interrupted(long times) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGALRM, &action, nullptr);
  itimerval timer{{0, 200}, {0, 200}};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
  long refused = 0;
  for (long i = 0; i < times; ++i) {
    if (::mkdir((denied() + "/new").c_str(), 0755) == 0 || errno == EROFS) ++refused;
  }
  std::printf("refused %ld\n", refused);
  return 0;
}

// Names that would draw on a terminal, end a line or break JSON.
int names(long) {
  const std::string directory = denied() + "/";
  const std::string bad[] = {"line\nviolations: forged",
                             "\x1b[2J\x1b]0;title\x07",
                             "\xe2\x80\xae"
                             "txt.exe",
                             "\xff\xfe\xc0\xaf",
                             "\"}],\"stdout\":\"x",
                             "\r\rdenied: none",
                             "tab\tand \x7f",
                             "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9"};
  for (const std::string& name : bad) ::mkdir((directory + name).c_str(), 0755);
  std::string deep = directory;
  while (deep.size() < 4080) deep += "./";
  ::mkdir((deep + "\nnew\x1b").c_str(), 0755);
  ::mkdir((directory + std::string(6000, 'x')).c_str(), 0755);
  char* none[] = {nullptr};
  ::execve((directory + bad[0]).c_str(), none, none);
  return 0;
}

// Arguments on pages that are not there, or stop being there.
int memory(long tries) {
  const long page = ::sysconf(_SC_PAGESIZE);
  const int fd = ::open("page", O_RDWR | O_CREAT, 0644);
  (void)!::ftruncate(fd, page);
  char* mapped =
      static_cast<char*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  std::atomic<bool> stop{false};
  std::thread truncater([&] {
    const std::string path = denied() + "/new";
    while (!stop) {
      (void)!::ftruncate(fd, page);
      (void)!::pwrite(fd, path.c_str(), path.size() + 1, 0);
      (void)!::ftruncate(fd, 0);
    }
  });
  for (long i = 0; i < tries; ++i) {
    if (::mkdir(mapped, 0755) == 0) succeeded("made a directory");
  }
  stop = true;
  truncater.join();
  // Beyond the end of the file, nowhere, in the kernel, and across the end of a page.
  ::mkdir(mapped + page, 0755);
  ::mkdir(reinterpret_cast<char*>(16), 0755);
  ::mkdir(reinterpret_cast<char*>(~0UL - 100), 0755);
  char* last = static_cast<char*>(
      ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ::munmap(last + page, static_cast<std::size_t>(page));
  std::memset(last, 'x', static_cast<std::size_t>(page));
  ::mkdir(last + page - 10, 0755);
  std::printf("done\n");
  return 0;
}

// Everything that leads to who watches.
int init(long) {
  for (const int number : {SIGKILL, SIGSTOP, SIGTERM, SIGSEGV, SIGUSR1, SIGCHLD}) {
    ::kill(1, number);
    ::syscall(SYS_tgkill, 1, 1, number);
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, 1, 0));
    if (pidfd >= 0) ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0);
    if (pidfd >= 0) ::close(pidfd);
  }
  if (::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr) == 0) succeeded("ptrace of init");
  if (::ptrace(static_cast<__ptrace_request>(PTRACE_SEIZE), 1, nullptr, nullptr) == 0)
    succeeded("ptrace of init");
  char byte = 0;
  iovec here{&byte, 1}, there{reinterpret_cast<void*>(0x400000), 1};
  if (::process_vm_readv(1, &here, 1, &there, 1, 0) >= 0) succeeded("reading init's memory");
  if (::process_vm_writev(1, &here, 1, &there, 1, 0) >= 0) succeeded("writing init's memory");
  for (const char* name : {"mem", "environ", "maps", "fd/3", "fd/4", "fd/5", "root/etc/passwd",
                           "cwd", "exe", "oom_score_adj"}) {
    const std::string path = std::string("/proc/1/") + name;
    const int fd = ::open(path.c_str(), O_RDWR);
    if (fd >= 0) succeeded("opening " + path);
  }
  for (int number = 0; number < 2000; ++number) {
    const std::string path = "/proc/1/fd/" + std::to_string(number);
    char link[256];
    if (::readlink(path.c_str(), link, sizeof link) >= 0) succeeded("reading " + path);
  }
  // Nothing but the three streams came with us.
  for (int fd = 3; fd < 4096; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) succeeded("descriptor " + std::to_string(fd) + " was inherited");
    (void)!::write(fd, "violations: forged\n", 19);
  }
  // A filter of ours whose listener would answer before init does.
  sock_filter allow{0x06, 0, 0, SECCOMP_RET_USER_NOTIF};
  struct {
    unsigned short length;
    sock_filter* filter;
  } program{1, &allow};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) >=
      0) {
    succeeded("a listener of its own");
  }
  // Still watched.
  ::mkdir((denied() + "/after").c_str(), 0755);
  std::printf("done\n");
  return 0;
}

// A filter of ours that hides nothing: it can only refuse more, and what it refuses is its own
// doing.
int nested(long) {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  sock_filter code[] = {{0x20, 0, 0, 0},                  // load the call's number
                        {0x15, 0, 1, __NR_mkdir},         // mkdir:
                        {0x06, 0, 0, SECCOMP_RET_ALLOW},  //   allow
                        {0x06, 0, 0, SECCOMP_RET_ALLOW}};
  struct {
    unsigned short length;
    sock_filter* filter;
  } program{4, code};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) std::printf("no filter\n");
  if (::mkdir((denied() + "/new").c_str(), 0755) == 0) succeeded("made a directory");
  std::printf("done\n");
  return 0;
}

// Waits to be let go, in many threads, each with a denied call under way for ever.
int forever(long count) {
  std::vector<std::thread> threads;
  for (long i = 0; i < count; ++i) {
    threads.emplace_back([] {
      for (;;) {
        if (::mkdir((denied() + "/new").c_str(), 0755) == 0) succeeded("made a directory");
        const int fd = ::open((denied() + "/file").c_str(), O_WRONLY);
        if (fd >= 0 && ::write(fd, "x", 1) == 1) succeeded("wrote");
      }
    });
  }
  std::printf("started\n");
  std::fflush(stdout);
  ::close(::open("started", O_WRONLY | O_CREAT, 0644));
  for (;;) ::pause();
}

}  // namespace

// Links that make a path as long as the kernel walks: what looks at them for a receipt, in here and
// on the host, must not walk all of it.
int links(long number) {
  ::mkdir("aa", 0755);
  std::string around;
  std::string dots;
  while (around.size() < 320) around += "aa/../";
  while (dots.size() < 4080) dots += "/.";
  std::string host = "to-nowhere";
  std::string init = ".";
  if (::symlink("/srv/nothing-there", host.c_str()) != 0) return 1;
  for (int i = 0; i < 9; ++i) {
    const std::string next = "k" + std::to_string(i);
    if (::symlink((around + host).c_str(), next.c_str()) != 0) return 1;
    host = next;
  }
  for (int i = 0; i < 39; ++i) {
    const std::string next = "i" + std::to_string(i);
    if (::symlink((init + dots).c_str(), next.c_str()) != 0) return 1;
    init = next;
  }
  for (long i = 0; i < number; ++i) {
    const std::string name = "z" + std::to_string(i);
    if (::symlink(host.c_str(), name.c_str()) != 0) return 1;
    if (::open(name.c_str(), O_WRONLY) >= 0) succeeded("opened " + name);
    if (::open((init + "/none").c_str(), O_WRONLY) >= 0) succeeded("opened none");
  }
  std::printf("done\n");
  return 0;
}

int main(int count, char** arguments) {
  const std::string attack = count > 1 ? arguments[1] : "";
  const long number = count > 2 ? std::atol(arguments[2]) : 0;
  struct {
    const char* name;
    int (*run)(long);
  } const attacks[] = {{"race", race},         {"same", same},       {"distinct", distinct},
                       {"together", together}, {"killed", killed},   {"interrupted", interrupted},
                       {"names", names},       {"memory", memory},   {"init", init},
                       {"nested", nested},     {"forever", forever}, {"links", links}};
  if (attack == "i386") return i386();
  for (const auto& one : attacks) {
    if (attack == one.name) return one.run(number);
  }
  return 2;
}
