// What the kernel counts for a user or for the machine, and one call could take from all others;
// and the limit that keeps a crash from starting the host's helper for core files (attack 13).
#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <vector>

#include "victim.h"

using namespace mayfly::victim;

namespace {

Outcome took(long count, long most) {
  const std::string how = errno_text(errno) + " after " + std::to_string(count);
  return count > most ? succeeded(how) : blocked(how);
}

template <typename Take>
Outcome take(long most, Take one) {
  std::vector<int> taken;
  while (static_cast<long>(taken.size()) <= most) {
    const int got = one();
    if (got < 0) break;
    taken.push_back(got);
  }
  const Outcome outcome = took(static_cast<long>(taken.size()), most);
  for (const int file : taken) close(file);
  return outcome;
}

Outcome queue_signals(long most) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  long queued = 0;
  while (queued <= most && sigqueue(getpid(), SIGRTMIN, sigval{}) == 0) ++queued;
  return took(queued, most);
}

bool send_with_descriptors(int socket) {
  constexpr int kMost = 253;  // SCM_MAX_FD
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMost)] = {};
  char byte = 0;
  iovec part{&byte, 1};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * kMost);
  return sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

// Puts as many descriptors in flight as it may, and stays until another call has started.
int hold_descriptors() {
  std::vector<int> kept;
  while (kept.size() < 1000) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) break;
    kept.insert(kept.end(), {ends[0], ends[1]});
    while (send_with_descriptors(ends[0])) {
    }
    if (errno == ETOOMANYREFS) break;
  }
  printf("in flight until %s\n", errno_text(errno).c_str());
  close(open("holding", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  for (int i = 0; i < 3000 && access("let-go", F_OK) != 0; ++i) usleep(10'000);
  return access("let-go", F_OK) == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "in flight") == 0) return hold_descriptors();
  Victim victim;
  victim.attempt("a core limit below 1", Alone::kSucceeds, [] {
    const struct rlimit none {};
    struct rlimit now {};
    setrlimit(RLIMIT_CORE, &none);
    getrlimit(RLIMIT_CORE, &now);
    return now.rlim_cur == 0 ? succeeded("0") : blocked("still " + std::to_string(now.rlim_cur));
  });
  victim.attempt("asynchronous I/O", Alone::kSucceeds, [] {
    unsigned long context = 0;
    return must_fail(syscall(SYS_io_setup, 16, &context));
  });
  victim.attempt("terminals", Alone::kUncertain, [] {
    return take(256, [] { return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC); });
  });
  victim.attempt("inotify instances", Alone::kUncertain,
                 [] { return take(64, [] { return inotify_init1(IN_CLOEXEC); }); });
  victim.attempt("queued signals", Alone::kSucceeds, [] { return queue_signals(4096); });
  return victim.result();
}
