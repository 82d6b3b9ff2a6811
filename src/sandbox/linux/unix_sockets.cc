#include "sandbox/linux/unix_sockets.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/fd.h"
#include "base/sys.h"
#include "sandbox/linux/asking_thread.h"

namespace mayfly::sandbox {
namespace {

int connect_as_is(const OwnedFd& socket, const void* address, std::size_t size) {
  const int done =
      ::connect(socket.get(), static_cast<const sockaddr*>(address), static_cast<socklen_t>(size));
  return done == 0 ? 0 : errno;
}

int connect_to_file(const OwnedFd& socket, const OwnedFd& file) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d", file.get());
  return connect_as_is(socket, &to, sizeof to);
}

// A path as the program meant it: where it starts, and what is left to look up.
struct Start {
  OwnedFd directory;
  std::string path;
};

// "/proc/self/fd/7/name" is how programs name a socket whose path is too long for an address. In
// our own process it would mean another file, so the program's is fetched.
std::optional<Start> behind_descriptor(const OwnedFd& process, const std::string& path) {
  for (const std::string_view prefix : {"/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/"}) {
    if (!path.starts_with(prefix)) continue;
    const char* first = path.data() + prefix.size();
    int fd = -1;
    const auto parsed = std::from_chars(first, path.data() + path.size(), fd);
    if (parsed.ec != std::errc() || fd < 0) return std::nullopt;
    std::string rest(parsed.ptr, path.data() + path.size());
    if (!rest.empty() && rest.front() != '/') return std::nullopt;
    rest.erase(0, rest.find_first_not_of('/'));
    return Start{duplicate_of(process, fd), std::move(rest)};
  }
  return std::nullopt;
}

// The file that `path` leads to in the program's place: its root is ours, since no program can
// change its root or its mounts.
OwnedFd follow(const OwnedFd& process, const OwnedFd& cwd, const std::string& path) {
  Start start{OwnedFd(), path};
  int from = cwd.valid() ? cwd.get() : AT_FDCWD;
  if (auto behind = behind_descriptor(process, path); behind.has_value()) {
    if (!behind->directory.valid()) return {};
    if (behind->path.empty()) return std::move(behind->directory);
    start = std::move(*behind);
    from = start.directory.get();
  }
  auto found = sys::openat2(from, start.path, O_PATH, RESOLVE_NO_MAGICLINKS);
  if (!found) {
    errno = found.error().os_errno;
    return {};
  }
  return std::move(*found);
}

// As the kernel itself numbers file systems: what stat(2) says is another number on some
// (btrfs, overlayfs). `ino` is there since Linux 5.14.
std::optional<SocketFile> identify(const OwnedFd& file) {
  const std::string info = proc_file("/proc/self/fdinfo/" + std::to_string(file.get()));
  const auto inode = proc_number(info, "\nino:");
  const auto mount = proc_number(info, "\nmnt_id:");
  if (!inode.has_value() || !mount.has_value()) return std::nullopt;
  const std::string mounts = "\n" + proc_file("/proc/self/mountinfo");
  const std::size_t line = mounts.find("\n" + std::to_string(*mount) + " ");
  if (line == std::string::npos) return std::nullopt;
  unsigned major_number = 0;
  unsigned minor_number = 0;
  if (std::sscanf(mounts.c_str() + line, "%*u %*u %u:%u", &major_number, &minor_number) != 2) {
    return std::nullopt;
  }
  return SocketFile{makedev(major_number, minor_number), *inode};
}

// Whether the socket's peer began to listen in this pid namespace.
bool peer_is_inside(const OwnedFd& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid != 0;
}

ConnectOutcome refused(std::string path) { return {ECONNREFUSED, std::move(path)}; }

ConnectOutcome connect_to_path(const OwnedFd& socket, const OwnedFd& process, const OwnedFd& cwd,
                               const std::string& path, const ConnectHelp& help) {
  const OwnedFd file = follow(process, cwd, path);
  if (!file.valid()) return {errno, {}};
  struct stat info {};
  if (::fstat(file.get(), &info) < 0) return {errno, {}};
  if (!S_ISSOCK(info.st_mode)) return {ECONNREFUSED, {}};
  const std::optional<SocketFile> identity = identify(file);
  if (!identity.has_value()) return refused(path);
  const auto& ours = help.private_devices;
  const bool is_private = std::find(ours.begin(), ours.end(), identity->device) != ours.end();
  const bool is_here = is_private || listens_here(*identity);
  if (!is_here && !help.ask_others(*identity)) return refused(path);
  const int error = connect_to_file(socket, file);
  // The kernel's list has only half of an inode's number: a last look at who it was.
  if (error == 0 && is_here && !is_private && !peer_is_inside(socket)) {
    ::shutdown(socket.get(), SHUT_RDWR);
    return refused(path);
  }
  return {error, {}};
}

bool is_path(const sockaddr_un& address, std::size_t size) {
  return size > offsetof(sockaddr_un, sun_path) && address.sun_family == AF_UNIX &&
         address.sun_path[0] != '\0';
}

// --- the sockets of this network namespace -------------------------------------------------------

struct Question {
  nlmsghdr header{};
  unix_diag_req request{};
};

bool send_question(const OwnedFd& kernel) {
  Question question;
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  question.request.sdiag_family = AF_UNIX;
  question.request.udiag_states = 1U << TCP_LISTEN;
  question.request.udiag_show = UDIAG_SHOW_VFS;
  return ::send(kernel.get(), &question, sizeof question, 0) == sizeof question;
}

std::uint64_t device_number(std::uint32_t kernel_number) {
  constexpr unsigned kMinorBits = 20;
  return makedev(kernel_number >> kMinorBits, kernel_number & ((1U << kMinorBits) - 1));
}

// Whether one answer is about `file`. The kernel tells the 32 lower bits of an inode's number.
bool names(const nlmsghdr& message, const SocketFile& file) {
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg))) return false;
  const char* at = reinterpret_cast<const char*>(&message) + NLMSG_SPACE(sizeof(unix_diag_msg));
  const char* end = reinterpret_cast<const char*>(&message) + message.nlmsg_len;
  while (end - at >= static_cast<std::ptrdiff_t>(sizeof(nlattr))) {
    nlattr attribute{};
    std::memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > end - at) return false;
    if (attribute.nla_type == UNIX_DIAG_VFS &&
        attribute.nla_len >= NLA_HDRLEN + sizeof(unix_diag_vfs)) {
      unix_diag_vfs vfs{};
      std::memcpy(&vfs, at + NLA_HDRLEN, sizeof vfs);
      return vfs.udiag_vfs_ino == static_cast<std::uint32_t>(file.inode) &&
             device_number(vfs.udiag_vfs_dev) == file.device;
    }
    at += NLA_ALIGN(attribute.nla_len);
  }
  return false;
}

bool look_once(const SocketFile& file) {
  const OwnedFd kernel(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!kernel.valid() || !send_question(kernel)) return false;
  alignas(nlmsghdr) char buffer[32 * 1024];
  bool found = false;
  while (!found) {
    const ssize_t got = ::recv(kernel.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    auto left = static_cast<std::size_t>(got);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return found;
      if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY && names(*message, file)) found = true;
    }
  }
  return true;
}

}  // namespace

bool listens_here(const SocketFile& file) {
  // A list that is made while sockets come and go may lack one.
  return look_once(file) || look_once(file);
}

ConnectOutcome connect_for_program(const ConnectRequest& request, const ConnectHelp& help) {
  const OwnedFd process = hold_process(request.thread);
  if (!process.valid()) return {errno, {}};
  const OwnedFd socket = duplicate_of(process, request.socket);
  if (!socket.valid()) return {errno, {}};
  const std::optional<int> domain = socket_option(socket, SO_DOMAIN);
  const std::optional<int> type = socket_option(socket, SO_TYPE);
  if (!domain.has_value() || !type.has_value()) return {errno, {}};

  union {
    sockaddr_storage any;
    sockaddr_un local;
  } address{};
  if (request.size > sizeof address.any) return {EINVAL, {}};
  if (!copy_from_thread(request.thread, request.address, &address, request.size))
    return {EFAULT, {}};
  const OwnedFd cwd(::open(("/proc/" + std::to_string(request.thread) + "/cwd").c_str(),
                           O_PATH | O_DIRECTORY | O_CLOEXEC));
  // The thread's number may have become another process's before all of this was read.
  if (!help.still_asked()) return {ESRCH, {}};

  if (*domain != AF_UNIX) return {connect_as_is(socket, &address, request.size), {}};
  if (*type != SOCK_STREAM && *type != SOCK_SEQPACKET) return {EPERM, {}};
  if (!is_path(address.local, request.size)) {
    return {connect_as_is(socket, &address, request.size), {}};
  }
  if (request.size > sizeof address.local) return {EINVAL, {}};
  const std::size_t room = request.size - offsetof(sockaddr_un, sun_path);
  const std::string path(address.local.sun_path, ::strnlen(address.local.sun_path, room));
  if (path.front() != '/' && !cwd.valid()) return {ENOENT, {}};
  return connect_to_path(socket, process, cwd, path, help);
}

}  // namespace mayfly::sandbox
