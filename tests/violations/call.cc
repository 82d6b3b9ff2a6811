// call "STEP; STEP; …": makes system calls as they are written, and says what became of the last.
//
//   call "open /usr/bin/env O_WRONLY"               prints EACCES
//   call "open . O_RDONLY; mkdirat $1 ../x 0755"    $1 is what the first step returned
//   call "socket AF_INET SOCK_DGRAM; sendto $1 x 1 0 inet:192.0.2.1:53"
//
// A step is the name of a system call and its arguments: numbers, names of constants joined by "|",
// "$N", addresses ("inet:", "inet6:", "unix:", "abstract:": two arguments, where and how long;
// "message:inet:…": one, a msghdr), "zeros" (a page of them), and anything else as a text. A step
// before the last must succeed, unless it starts with "?"; it is repeated N times after "N*".

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

#define NAMED(name) \
  { #name, static_cast < long>(name) }
const std::map<std::string, long> kConstants = {NAMED(O_RDONLY),
                                                NAMED(O_WRONLY),
                                                NAMED(O_RDWR),
                                                NAMED(O_CREAT),
                                                NAMED(O_EXCL),
                                                NAMED(O_TRUNC),
                                                NAMED(O_APPEND),
                                                NAMED(O_DIRECTORY),
                                                NAMED(O_PATH),
                                                NAMED(O_NOFOLLOW),
                                                NAMED(O_TMPFILE),
                                                NAMED(AT_FDCWD),
                                                NAMED(AT_REMOVEDIR),
                                                NAMED(AT_EMPTY_PATH),
                                                NAMED(AT_SYMLINK_NOFOLLOW),
                                                NAMED(RENAME_NOREPLACE),
                                                NAMED(RENAME_EXCHANGE),
                                                NAMED(S_IFREG),
                                                NAMED(S_IFIFO),
                                                NAMED(S_IFSOCK),
                                                NAMED(S_IFCHR),
                                                NAMED(S_IFBLK),
                                                NAMED(CLONE_NEWUSER),
                                                NAMED(CLONE_NEWNS),
                                                NAMED(CLONE_NEWNET),
                                                NAMED(CLONE_NEWPID),
                                                NAMED(CLONE_NEWUTS),
                                                NAMED(CLONE_NEWIPC),
                                                NAMED(CLONE_NEWCGROUP),
                                                NAMED(SIGCHLD),
                                                NAMED(AF_INET),
                                                NAMED(AF_INET6),
                                                NAMED(AF_UNIX),
                                                NAMED(AF_NETLINK),
                                                NAMED(AF_PACKET),
                                                NAMED(AF_ALG),
                                                NAMED(AF_VSOCK),
                                                NAMED(AF_CAN),
                                                NAMED(AF_XDP),
                                                NAMED(AF_BLUETOOTH),
                                                NAMED(AF_KEY),
                                                NAMED(AF_TIPC),
                                                NAMED(SOCK_STREAM),
                                                NAMED(SOCK_DGRAM),
                                                NAMED(SOCK_RAW),
                                                NAMED(SOCK_SEQPACKET),
                                                NAMED(SOCK_CLOEXEC),
                                                NAMED(SOCK_NONBLOCK),
                                                NAMED(NETLINK_ROUTE),
                                                NAMED(NETLINK_AUDIT),
                                                NAMED(NETLINK_KOBJECT_UEVENT),
                                                NAMED(IPPROTO_TCP),
                                                NAMED(IPPROTO_UDP),
                                                NAMED(IPPROTO_SCTP),
                                                NAMED(BPF_PROG_LOAD),
                                                NAMED(BPF_MAP_CREATE),
                                                NAMED(PER_LINUX32),
                                                NAMED(ADDR_NO_RANDOMIZE),
                                                NAMED(TIOCSTI),
                                                NAMED(PTRACE_ATTACH),
                                                NAMED(PTRACE_SEIZE),
                                                NAMED(SECCOMP_SET_MODE_FILTER),
                                                NAMED(SECCOMP_FILTER_FLAG_NEW_LISTENER),
                                                NAMED(PR_SET_NO_NEW_PRIVS)};
#undef NAMED

std::deque<std::string> texts;  // what pointers point to
std::vector<long> results;

long keep(std::string text) {
  texts.push_back(std::move(text));
  return reinterpret_cast<long>(texts.back().data());
}

template <typename Structure>
std::string bytes(const Structure& structure, std::size_t size = sizeof(Structure)) {
  return std::string(reinterpret_cast<const char*>(&structure), size);
}

// The address that "inet:HOST:PORT" and the like stand for; empty if it is none.
std::string address(const std::string& word) {
  const auto colon = word.find(':');
  const std::string family = word.substr(0, colon);
  if (colon == std::string::npos) return "";
  const std::string rest = word.substr(colon + 1);
  const auto port = rest.rfind(':');
  if (family == "inet") {
    sockaddr_in one{};
    one.sin_family = AF_INET;
    one.sin_port = htons(static_cast<std::uint16_t>(std::stoi(rest.substr(port + 1))));
    ::inet_pton(AF_INET, rest.substr(0, port).c_str(), &one.sin_addr);
    return bytes(one);
  }
  if (family == "inet6") {
    sockaddr_in6 one{};
    one.sin6_family = AF_INET6;
    one.sin6_port = htons(static_cast<std::uint16_t>(std::stoi(rest.substr(port + 1))));
    ::inet_pton(AF_INET6, rest.substr(0, port).c_str(), &one.sin6_addr);
    return bytes(one);
  }
  if (family == "unix" || family == "abstract") {
    sockaddr_un one{};
    one.sun_family = AF_UNIX;
    const std::size_t start = family == "unix" ? 0 : 1;
    std::memcpy(one.sun_path + start, rest.data(), std::min(rest.size(), sizeof one.sun_path - 2));
    return bytes(one, offsetof(sockaddr_un, sun_path) + 1 + rest.size());
  }
  return "";
}

long message(const std::string& to) {
  static char letter[] = "x";
  const std::string where = address(to);
  iovec part{letter, 1};
  msghdr head{};
  head.msg_name = reinterpret_cast<void*>(keep(where));
  head.msg_namelen = static_cast<socklen_t>(where.size());
  head.msg_iov = reinterpret_cast<iovec*>(keep(bytes(part)));
  head.msg_iovlen = 1;
  mmsghdr one{head, 0};  // starts with the msghdr: serves sendmsg too
  return keep(bytes(one));
}

bool number(const std::string& word, long& value) {
  char* end = nullptr;
  value = static_cast<long>(std::strtoull(word.c_str(), &end, 0));
  if (word[0] == '-') value = std::strtol(word.c_str(), &end, 0);
  return end != word.c_str() && *end == '\0';
}

bool constants(const std::string& word, long& value) {
  std::istringstream parts(word);
  std::string part;
  value = 0;
  while (std::getline(parts, part, '|')) {
    long one = 0;
    const auto found = kConstants.find(part);
    if (found != kConstants.end()) {
      value |= found->second;
    } else if (number(part, one)) {
      value |= one;
    } else {
      return false;
    }
  }
  return true;
}

void add_argument(const std::string& word, std::vector<long>& arguments) {
  long value = 0;
  if (word[0] == '$') {
    arguments.push_back(results.at(static_cast<std::size_t>(std::stoi(word.substr(1)) - 1)));
  } else if (constants(word, value)) {
    arguments.push_back(value);
  } else if (word == "zeros") {
    arguments.push_back(keep(std::string(4096, '\0')));
  } else if (word.rfind("message:", 0) == 0) {
    arguments.push_back(message(word.substr(8)));
  } else if (const std::string where = address(word); !where.empty()) {
    arguments.push_back(keep(where));
    arguments.push_back(static_cast<long>(where.size()));
  } else {
    arguments.push_back(keep(word));
  }
}

long make(int what, const std::vector<long>& a) {
  return ::syscall(what, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // namespace

int main(int count, char** given) {
  std::istringstream steps(count > 1 ? given[1] : "");
  std::string step;
  int error = 0;
  bool may_fail = true;
  while (std::getline(steps, step, ';')) {
    if (!may_fail && error != 0) break;
    std::istringstream words(step);
    std::string name, word;
    words >> name;
    long times = 1;
    if (name.size() > 1 && name.back() == '*') {
      times = std::stol(name);
      words >> name;
    }
    may_fail = name[0] == '?';
    if (may_fail) name.erase(0, 1);
    const int what = seccomp_syscall_resolve_name(name.c_str());
    if (what == __NR_SCMP_ERROR) {
      std::printf("no such call: %s\n", name.c_str());
      return 2;
    }
    std::vector<long> arguments;
    while (words >> word) add_argument(word, arguments);
    arguments.resize(6);
    for (; times > 0; --times) {
      const long result = make(what, arguments);
      error = result < 0 ? errno : 0;
      if (times == 1) results.push_back(result);
    }
  }
  const char* text = error == 0 ? "fine" : strerrorname_np(error);
  std::printf("%s\n", text != nullptr ? text : "?");
  return 0;
}
