// Attacks 14 and 15 on another call of the same user at the same time. `neighbours stay` is that
// call: it waits to be found, and fails if it was. `neighbours find` looks for it.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <fstream>
#include <sstream>

#include "victim.h"

using namespace mayfly::victim;

namespace {

// In the arguments and the memory of the one that stays.
constexpr const char* kMark = "neighbour-mark-52d1";
volatile sig_atomic_t signalled = 0;

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int stay() {
  for (const int number : {SIGUSR1, SIGUSR2, SIGTERM, SIGHUP, SIGCONT}) {
    signal(number, [](int) { signalled = 1; });
  }
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in here = loopback(0);
  socklen_t size = sizeof here;
  if (bind(listener, reinterpret_cast<sockaddr*>(&here), size) < 0 || listen(listener, 8) < 0)
    return 2;
  getsockname(listener, reinterpret_cast<sockaddr*>(&here), &size);
  std::ofstream("port") << ntohs(here.sin_port);
  std::ofstream("staying") << "yes";
  // The other call says in the workspace, which both have, that it has looked.
  for (int i = 0; i < 2000 && access("looked", F_OK) != 0; ++i) usleep(10'000);
  const bool reached = accept(listener, nullptr, nullptr) >= 0;
  printf("found: %s\n", signalled != 0 ? "SUCCEEDED by a signal"
                        : reached      ? "SUCCEEDED by a socket"
                                       : "no");
  return signalled != 0 || reached || access("looked", F_OK) != 0 ? 1 : 0;
}

// The number of a process that is neither this one nor init, or 0.
pid_t other_process() {
  for (pid_t pid = 2; pid < 1 << 16; ++pid) {
    if (pid != getpid() && (kill(pid, 0) == 0 || errno == EPERM)) return pid;
  }
  return 0;
}

pid_t marked_process() {
  DIR* proc = opendir("/proc");
  pid_t found = 0;
  while (const dirent* entry = readdir(proc)) {
    const pid_t pid = atoi(entry->d_name);
    if (pid <= 0 || pid == getpid()) continue;
    if (slurp(std::string("/proc/") + entry->d_name + "/cmdline").find(kMark) != std::string::npos)
      found = pid;
  }
  closedir(proc);
  return found;
}

Outcome unless_none(pid_t pid) {
  if (pid == 0) return blocked("nobody");
  return succeeded("process " + std::to_string(pid));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "stay") == 0) {
    if (argc > 2) return stay();
    char* const again[] = {argv[0], argv[1], const_cast<char*>(kMark), nullptr};
    execv(argv[0], again);
    return 2;
  }
  Victim victim;
  const pid_t there = victim.in_control() ? marked_process() : 2;
  victim.attempt("its arguments in /proc", Alone::kSucceeds,
                 [] { return unless_none(marked_process()); });
  victim.attempt("any process but our own", Alone::kSucceeds,
                 [] { return unless_none(other_process()); });
  victim.attempt("its port on the loopback", Alone::kSucceeds, [] {
    const int port = atoi(slurp("port").c_str());
    const sockaddr_in to = loopback(port);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return must_fail(connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof to));
  });
  victim.attempt("a signal to everybody", Alone::kDangerous, [] {
    signal(SIGUSR1, SIG_IGN);
    kill(-1, SIGUSR1);
    return blocked("the other one tells");
  });
  // The first program of a call is process 2 of its own numbering, as this one is.
  victim.attempt("its memory", Alone::kSucceeds, [&] {
    if (there == getpid()) return blocked("its number is ours");
    return must_fail(
        open(("/proc/" + std::to_string(there) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  });
  victim.attempt("its descriptors", Alone::kUncertain, [&] {
    const long handle = syscall(SYS_pidfd_open, there == getpid() ? 3 : there, 0);
    if (handle < 0) return blocked();
    return must_fail(syscall(SYS_pidfd_getfd, handle, 1, 0));
  });
  close(open("looked", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  return victim.result();
}
