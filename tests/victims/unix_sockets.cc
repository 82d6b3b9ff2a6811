// Attack 30: the host's socket files. No namespace hides them from who can see the file. The runner
// listens on some in the workspace and beside it, and says afterwards whether anybody came.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "victim.h"

using namespace mayfly::victim;

namespace {

constexpr const char* kHost = "host.sock";
constexpr int kRaces = 1500;

sockaddr_un named(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  memcpy(to.sun_path, path.data(), path.size() < sizeof to.sun_path ? path.size() : sizeof to.sun_path);
  return to;
}

long connects(int fd, const std::string& path) {
  const sockaddr_un to = named(path);
  return connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

int stream(int flags = 0) { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0); }

Outcome reaches(const std::string& path, int type = SOCK_STREAM) {
  const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return blocked("socket: " + errno_text(errno));
  const long done = connects(fd, path);
  const int error = errno;
  close(fd);
  errno = error;
  return must_fail(done);
}

int listens(const std::string& path, int backlog = 64) {
  unlink(path.c_str());
  const int fd = stream();
  const sockaddr_un at = named(path);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) < 0 || listen(fd, backlog) < 0) {
    printf("cannot listen on %s: %s\n", path.c_str(), errno_text(errno).c_str());
  }
  return fd;
}

// A datagram socket of whatever kind can be had, or -1.
int datagrams(bool pair) {
  if (!pair) return socket(AF_UNIX, SOCK_DGRAM, 0);
  int ends[2];
  return socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) < 0 ? -1 : ends[0];
}

Outcome sends(int fd, const std::string& path) {
  if (fd < 0) return blocked("socket: " + errno_text(errno));
  const sockaddr_un to = named(path);
  return must_fail(sendto(fd, "x", 1, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), sizeof to));
}

Outcome sends_message(int fd, const std::string& path) {
  if (fd < 0) return blocked("socket: " + errno_text(errno));
  sockaddr_un to = named(path);
  char byte = 'x';
  iovec part{&byte, 1};
  mmsghdr one{};
  one.msg_hdr.msg_name = &to;
  one.msg_hdr.msg_namelen = sizeof to;
  one.msg_hdr.msg_iov = &part;
  one.msg_hdr.msg_iovlen = 1;
  return must_fail(sendmmsg(fd, &one, 1, MSG_NOSIGNAL));
}

int pair_of(int type) {
  int ends[2];
  return socketpair(AF_UNIX, type, 0, ends) < 0 ? -1 : ends[0];
}

// Runs `swap` in a thread, again and again, while this one connects. Who was reached, the host
// knows; here it counts that our own server was, or the race was none.
template <typename Swap, typename Try>
Outcome race(Swap swap, Try attempt) {
  std::atomic<bool> stop{false};
  std::thread swapping([&] {
    while (!stop) swap();
  });
  int connected = 0;
  for (int i = 0; i < kRaces; ++i) {
    if (attempt() == 0) ++connected;
  }
  stop = true;
  swapping.join();
  printf("  %d of %d connects led to ourselves\n", connected, kRaces);
  return blocked("the host tells");
}

// Accepts what comes, so that no backlog fills.
class Server {
 public:
  explicit Server(const std::string& path) : fd_(listens(path)), thread_([this] { serve(); }) {}
  ~Server() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }

 private:
  void serve() {
    for (int one = 0; (one = accept(fd_, nullptr, nullptr)) >= 0;) close(one);
  }
  int fd_;
  std::thread thread_;
};

long connects_once(const std::string& path) {
  const int fd = stream();
  const long done = connects(fd, path);
  close(fd);
  return done;
}

Outcome swapped_files() {
  Server server("own.sock");
  symlink("own.sock", "swap.link");
  return race(
      [] {
        renameat2(AT_FDCWD, "own.sock", AT_FDCWD, "host-link.sock", RENAME_EXCHANGE);
        sched_yield();
      },
      [] { return connects_once("own.sock"); });
}

Outcome swapped_link() {
  Server server("own2.sock");
  return race(
      [] {
        static bool host = false;
        host = !host;
        unlink("new.link");
        if (symlink(host ? kHost : "own2.sock", "new.link") == 0) rename("new.link", "swap2.link");
      },
      [] { return connects_once("swap2.link"); });
}

Outcome swapped_memory() {
  Server server("own3.sock");
  static sockaddr_un to = named("own3.sock");
  return race([] { memcpy(to.sun_path, to.sun_path[0] == 'o' ? "host.sock\0\0" : "own3.sock\0\0", 11); },
              [] {
                const int fd = stream();
                const long done = connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
                close(fd);
                return done;
              });
}

Outcome swapped_descriptor() {
  Server server("own4.sock");
  static int fd = stream();
  return race(
      [] {
        const int other = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        dup2(other, fd);
        close(other);
        const int local = stream();
        dup2(local, fd);
        close(local);
      },
      [] { return connects(fd, kHost) == 0 && getpid() == 0 ? 0 : connects(fd, "own4.sock"); });
}

Outcome swapped_directory() {
  Server server("d1/s.sock");
  return race([] { renameat2(AT_FDCWD, "d1", AT_FDCWD, "d2", RENAME_EXCHANGE); },
              [] { return connects_once("d1/s.sock"); });
}

// Whoever connects for us has our uid: it can be killed.
Outcome killed_helpers() {
  std::atomic<bool> stop{false};
  const pid_t self = getpid();
  std::thread killing([&] {
    while (!stop) {
      for (pid_t pid = self + 1; pid < self + 4000 && !stop; ++pid) kill(pid, SIGKILL);
      sched_yield();
    }
  });
  Outcome outcome = blocked("refused");
  for (int i = 0; i < 300; ++i) {
    if (connects_once(kHost) == 0) outcome = succeeded("connected");
  }
  stop = true;
  killing.join();
  return outcome;
}

// Connects that wait for ever, and a flag that changes while init looks: init must still answer.
Outcome stalled_supervisor() {
  const int server = listens("stall.sock", 0);
  std::vector<pid_t> waiting;
  for (int i = 0; i < 150; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      const int fd = stream(SOCK_NONBLOCK);
      if (i % 50 == 0) {
        std::thread([fd] {
          while (true) {
            fcntl(fd, F_SETFL, 0);
            fcntl(fd, F_SETFL, O_NONBLOCK);
            usleep(100);
          }
        }).detach();
      } else {
        fcntl(fd, F_SETFL, 0);
      }
      while (connects(fd, "stall.sock") < 0 && errno == EAGAIN) usleep(50'000);
      pause();
    }
    if (child > 0) waiting.push_back(child);
  }
  for (int i = 0; i < 200; ++i) (void)mount(nullptr, nullptr, nullptr, 0, nullptr);
  for (const pid_t child : waiting) kill(child, SIGKILL);
  for (const pid_t child : waiting) waitpid(child, nullptr, 0);
  close(server);
  return blocked("it answered all the time");
}

}  // namespace

int main() {
  Victim victim;
  mkdir("d1", 0755);
  victim.attempt("a stream socket in the workspace", Alone::kSucceeds, [] { return reaches(kHost); });
  victim.attempt("a seqpacket socket", Alone::kSucceeds, [] { return reaches("host.seq", SOCK_SEQPACKET); });
  victim.attempt("a socket beside the workspace", Alone::kSucceeds,
                 [] { return reaches(setting("VICTIM_SIBLING_SOCKET")); });
  victim.attempt("through a link", Alone::kSucceeds, [] {
    symlink(kHost, "to-host");
    return reaches("to-host");
  });
  victim.attempt("by a second name", Alone::kSucceeds, [] {
    if (link(kHost, "d1/second") < 0) return blocked("link: " + errno_text(errno));
    return reaches("d1/second");
  });
  victim.attempt("renamed", Alone::kSucceeds, [] {
    if (link(kHost, "host-link.sock") < 0 || rename("d1/second", "d1/s-host") < 0) return blocked();
    return reaches("d1/s-host");
  });
  victim.attempt("renamed over a socket of ours", Alone::kSucceeds, [] {
    const int own = listens("over.sock");
    if (link(kHost, "over.tmp") < 0 || rename("over.tmp", "over.sock") < 0) return blocked();
    const Outcome outcome = reaches("over.sock");
    close(own);
    return outcome;
  });
  for (const char* path : {"/proc/self/cwd/host.sock", "/proc/thread-self/cwd/host.sock"}) {
    victim.attempt(path, Alone::kSucceeds, [&] { return reaches(path); });
  }
  victim.attempt("through a descriptor of the directory", Alone::kSucceeds, [] {
    const int directory = open(".", O_PATH | O_DIRECTORY);
    return reaches("/proc/self/fd/" + std::to_string(directory) + "/host.sock");
  });
  victim.attempt("through a descriptor of the socket file", Alone::kSucceeds, [] {
    const int file = open(kHost, O_PATH);
    return reaches("/proc/self/fd/" + std::to_string(file));
  });
  victim.attempt("through another process's directory", Alone::kSucceeds,
                 [] { return reaches("/proc/" + std::to_string(getpid()) + "/cwd/host.sock"); });
  victim.attempt("through descriptors of init's", Alone::kUncertain, [] {
    for (int fd = 0; fd < 32; ++fd) {
      for (const char* who : {"1", "self"}) {
        const std::string path = std::string("/proc/") + who + "/fd/" + std::to_string(fd);
        if (connects_once(path) == 0 || connects_once(path + "/host.sock") == 0) return succeeded(path);
      }
    }
    return blocked("all");
  });
  victim.attempt("without a terminating zero", Alone::kSucceeds, [] {
    const sockaddr_un to = named(kHost);
    return must_fail(connect(stream(), reinterpret_cast<const sockaddr*>(&to),
                             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + strlen(kHost))));
  });
  victim.attempt("without blocking", Alone::kSucceeds,
                 [] { return must_fail(connects(stream(SOCK_NONBLOCK), kHost)); });
  victim.attempt("as io_uring does it", Alone::kUncertain, [] {
    char parameters[256] = {};
    return must_fail(syscall(SYS_io_uring_setup, 8, parameters));
  });

  for (const bool pair : {false, true}) {
    const std::string kind = pair ? "half a datagram pair" : "a datagram socket";
    victim.attempt(kind + " sends to a socket file", Alone::kSucceeds,
                   [&] { return sends(datagrams(pair), "host.dgram"); });
    victim.attempt(kind + " sends messages to one", Alone::kSucceeds,
                   [&] { return sends_message(datagrams(pair), "host.dgram"); });
    victim.attempt(kind + " connects to one", Alone::kSucceeds, [&] {
      const int fd = datagrams(pair);
      if (fd < 0) return blocked("socket: " + errno_text(errno));
      return must_fail(connects(fd, "host.dgram"));
    });
  }
  victim.attempt("datagrams by their other name", Alone::kSucceeds, [] {
    const int fd = socket(AF_UNIX, SOCK_RAW, 0);
    return sends(fd, "host.dgram");
  });
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    const std::string kind = type == SOCK_STREAM ? "a stream" : "packets";
    for (const char* path : {kHost, "host.seq", "host.dgram"}) {
      // Packets in a pair go to the other half, whatever the address.
      victim.attempt(kind + " sent to " + path, Alone::kUncertain, [&] {
        const int fd = socket(AF_UNIX, type, 0);
        const Outcome single = sends(fd, path);
        const Outcome message = sends_message(fd, path);
        const int half = pair_of(type);
        (void)sends(half, path);
        (void)sends_message(half, path);
        (void)connects(half, path);
        return single.succeeded ? single : message;
      });
    }
  }

  if (!victim.in_control()) {
    victim.attempt("files that change places", Alone::kUncertain, swapped_files);
    victim.attempt("a link that changes", Alone::kUncertain, swapped_link);
    victim.attempt("an address that changes", Alone::kUncertain, swapped_memory);
    victim.attempt("a descriptor that changes", Alone::kUncertain, swapped_descriptor);
    mkdir("d2", 0755);
    if (link(kHost, "d2/s.sock") < 0) perror("link");
    victim.attempt("directories that change places", Alone::kUncertain, swapped_directory);
    victim.attempt("killed helpers", Alone::kUncertain, killed_helpers);
    victim.attempt("a supervisor that is made to wait", Alone::kUncertain, stalled_supervisor);
  }
  return victim.result();
}
