// races.cc CASE: a program that changes what it asks for while it is being asked, and one that asks
// very often. Prints what the kernel answered it, for the runner to compare with the receipt.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

constexpr std::uint16_t kPort = 8080;

sockaddr_in internet(const char* address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  inet_pton(AF_INET, address, &out.sin_addr);
  return out;
}

template <typename Address>
int connects(int fd, const Address& to, socklen_t size = sizeof(Address)) {
  return connect(fd, reinterpret_cast<const sockaddr*>(&to), size) == 0 ? 0 : errno;
}

void serve() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at = internet("127.0.0.1", kPort);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) < 0 || listen(fd, 512) < 0) {
    std::perror("listen");
    std::exit(1);
  }
  std::thread([fd] {
    for (int one = 0; (one = accept(fd, nullptr, nullptr)) >= 0;) close(one);
  }).detach();
}

// Another thread exchanges the address of the outside and of the loopback.
int addresses() {
  serve();
  static sockaddr_in to = internet("127.0.0.1", kPort);
  static std::atomic<bool> stop{false};
  std::thread swapping([] {
    const sockaddr_in outside = internet("192.0.2.7", kPort);
    const sockaddr_in inside = internet("127.0.0.1", kPort);
    volatile in_addr_t* at = &to.sin_addr.s_addr;
    while (!stop) {
      *at = outside.sin_addr.s_addr;
      *at = inside.sin_addr.s_addr;
    }
  });
  int connected = 0;
  int unreachable = 0;
  int other = 0;
  for (int i = 0; i < 20000; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int error = connects(fd, to);
    if (error == 0) {
      ++connected;
    } else if (error == ENETUNREACH) {
      ++unreachable;
    } else {
      ++other;
    }
    close(fd);
  }
  stop = true;
  swapping.join();
  std::printf("%d %d %d\n", connected, unreachable, other);
  return 0;
}

// Another thread exchanges the socket behind the number, of the Internet and of unix, and the
// address: if what was looked at is not what is connected, the host's socket file is reached.
int descriptors(const char* host) {
  union Address {
    sockaddr_in internet;
    sockaddr_un path;
  };
  static Address to{};
  static std::atomic<bool> stop{false};
  static std::atomic<int> number{-1};
  static std::string path;
  path = host;
  number = dup(0);
  std::thread swapping([] {
    Address outside{};
    outside.internet = internet("127.0.0.1", 9);
    Address inside{};
    inside.path.sun_family = AF_UNIX;
    std::strncpy(inside.path.sun_path, path.c_str(), sizeof inside.path.sun_path - 1);
    while (!stop) {
      const int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const int unix_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      dup2(tcp, number);
      std::memcpy(&to, &outside, sizeof to);
      dup2(unix_socket, number);
      std::memcpy(&to, &inside, sizeof to);
      close(tcp);
      close(unix_socket);
    }
  });
  int connected = 0;
  for (int i = 0; i < 8000; ++i) {
    // As long as a sockaddr_in, and room for the short path.
    if (connects(number, to, offsetof(sockaddr_un, sun_path) + 14) == 0) ++connected;
  }
  stop = true;
  swapping.join();
  std::printf("%d\n", connected);
  return 0;
}

// Asks for many names, some at a time, and waits for each answer.
int flood(int rounds) {
  constexpr int kAtOnce = 50;
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (connects(fd, internet("127.0.0.1", 53)) != 0) return 1;
  long asked = 0;
  long answered = 0;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < kAtOnce; ++i) {
      char name[16];
      const int length = std::snprintf(name, sizeof name, "n%ld", asked % 100000);
      std::string packet("\0\1\1\0\0\1\0\0\0\0\0\0", 12);
      packet += static_cast<char>(length);
      packet += name;
      packet += std::string("\7example\0\0\1\0\1", 13);
      if (send(fd, packet.data(), packet.size(), 0) > 0) ++asked;
    }
    struct pollfd ready {
      fd, POLLIN, 0
    };
    char answer[512];
    for (int i = 0; i < kAtOnce && poll(&ready, 1, 5000) > 0; ++i) {
      if (recv(fd, answer, sizeof answer, 0) > 0) ++answered;
    }
  }
  std::printf("%ld %ld\n", asked, answered);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string which = argc > 1 ? argv[1] : "";
  if (which == "addresses") return addresses();
  if (which == "descriptors" && argc > 2) return descriptors(argv[2]);
  if (which == "flood" && argc > 2) return flood(std::atoi(argv[2]));
  std::fprintf(stderr, "races: which?\n");
  return 2;
}
