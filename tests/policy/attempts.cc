// What rules_in_force.cc runs in a sandbox: makes system calls and prints how each went, one line
// each: 0, or the errno. The first argument is one of the functions below; numbers are decimal.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

void say(long result) { printf("%d\n", result < 0 ? errno : 0); }

struct Words {
  char** rest;
  unsigned long next() { return *rest == nullptr ? 0 : strtoul(*rest++, nullptr, 0); }
  long call() {
    const long number = static_cast<long>(next());
    const unsigned long a = next(), b = next(), c = next(), d = next();
    return syscall(number, a, b, c, d, 0UL, 0UL);
  }
};

// The same call by this process, a thread, a child and a vforked child.
int calls(char** words) {
  say(Words{words}.call());
  std::thread([words] { say(Words{words}.call()); }).join();
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    say(Words{words}.call());
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  volatile int error = -1;
  child = vfork();
  if (child == 0) {
    error = Words{words}.call() < 0 ? errno : 0;
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  printf("%d\n", error);
  return 0;
}

int one(char** words) {
  say(Words{words}.call());
  return 0;
}

#if defined(__x86_64__)
// By the numbers of 32-bit programs: socket is 359 there.
int int80(char** words) {
  Words in{words};
  unsigned long number = in.next();
  const unsigned long a = in.next(), b = in.next(), c = in.next();
  __asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b), "d"(c) : "memory");
  printf("lived\n");
  return 0;
}
#endif

long connect_tcp(const char* address, int port) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, address, &to.sin_addr);
  return connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to);
}

// connect to a listening socket of our own, over the loopback and by a path.
int connects(char**) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  socklen_t size = sizeof at;
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(server, reinterpret_cast<sockaddr*>(&at), sizeof at);
  listen(server, 1);
  getsockname(server, reinterpret_cast<sockaddr*>(&at), &size);
  say(connect_tcp("127.0.0.1", ntohs(at.sin_port)));

  const int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  strcpy(path.sun_path, "/tmp/server");
  bind(local, reinterpret_cast<sockaddr*>(&path), sizeof path);
  listen(local, 1);
  const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  say(connect(client, reinterpret_cast<sockaddr*>(&path), sizeof path));
  return 0;
}

int outside(char**) {
  say(connect_tcp("192.0.2.1", 80));
  return 0;
}

// How fallocate went, and how large the file is then.
int reserves(char**) {
  for (const int mode : {0, FALLOC_FL_KEEP_SIZE}) {
    const int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    say(fallocate(file, mode, 0, 8192));
    struct stat info {};
    fstat(file, &info);
    printf("%ld\n", static_cast<long>(info.st_blocks) * 512);
  }
  return 0;
}

// The capabilities of this process, and of one that it starts.
int capabilities(char**) {
  fflush(stdout);
  return system("grep ^Cap /proc/self/status") == 0 ? 0 : 1;
}

// Everything that would let a capability outlive the sandbox: on a file of the workspace.
int leave_behind(char**) {
  const int file = open("left", O_CREAT | O_RDWR | O_CLOEXEC, 0755);
  if (write(file, "#!/bin/sh\n", 10) != 10) return 1;
  const unsigned char old_capability[20] = {0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff};
  unsigned char own_capability[24] = {0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff};
  const unsigned id = getuid();
  memcpy(own_capability + 20, &id, sizeof id);
  say(fsetxattr(file, "security.capability", old_capability, sizeof old_capability, 0));
  say(fsetxattr(file, "security.capability", own_capability, sizeof own_capability, 0));
  say(fchmod(file, 06755));
  return 0;
}

// Init by every way to look into another process, then a process that is no descendant.
int trace(char**) {
  say(ptrace(PTRACE_SEIZE, 1, nullptr, nullptr));
  char byte = 0;
  iovec here{&byte, 1};
  iovec there{reinterpret_cast<void*>(0x400000), 1};
  say(process_vm_readv(1, &here, 1, &there, 1, 0));
  say(open("/proc/1/mem", O_RDWR));
  say(open("/proc/1/root/etc/passwd", O_RDONLY));
  fflush(stdout);
  const pid_t sibling = fork();
  if (sibling == 0) {
    pause();
    _exit(0);
  }
  const pid_t tracer = fork();
  if (tracer == 0) {
    say(ptrace(PTRACE_SEIZE, sibling, nullptr, nullptr));
    fflush(stdout);
    _exit(0);
  }
  waitpid(tracer, nullptr, 0);
  kill(sibling, SIGKILL);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  char** words = argv + 2;
  if (what == "calls") return calls(words);
  if (what == "one") return one(words);
#if defined(__x86_64__)
  if (what == "int80") return int80(words);
#endif
  if (what == "connects") return connects(words);
  if (what == "outside") return outside(words);
  if (what == "reserves") return reserves(words);
  if (what == "capabilities") return capabilities(words);
  if (what == "leave_behind") return leave_behind(words);
  if (what == "trace") return trace(words);
  return 2;
}
