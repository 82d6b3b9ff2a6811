#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "base/sys.h"

namespace mayfly::sys {
namespace {

tl::unexpected<Error> failed(std::string_view call, std::string_view object, int number = errno) {
  return fail(system_error(std::string(call) + " " + std::string(object), number));
}

Status checked(long result, std::string_view call, std::string_view object) {
  if (result < 0) return failed(call, object);
  return {};
}

Result<OwnedFd> owned(long result, std::string_view call, std::string_view object) {
  if (result < 0) return failed(call, object);
  return OwnedFd(static_cast<int>(result));
}

}  // namespace

Result<OwnedFd> open(const std::string& path, int flags, mode_t mode) {
  return owned(::open(path.c_str(), flags | O_CLOEXEC, mode), "open", path);
}

Result<OwnedFd> openat(int dir, const std::string& path, int flags, mode_t mode) {
  return owned(::openat(dir, path.c_str(), flags | O_CLOEXEC, mode), "openat", path);
}

Result<OwnedFd> openat2(int dir, const std::string& path, std::uint64_t flags,
                        std::uint64_t resolve, std::uint64_t mode) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  return owned(syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how), "openat2", path);
}

Result<struct ::stat> stat(const std::string& path) {
  struct ::stat info {};
  if (::stat(path.c_str(), &info) < 0) return failed("stat", path);
  return info;
}

Result<struct ::stat> fstat(int fd) {
  struct ::stat info {};
  if (::fstat(fd, &info) < 0) return failed("fstat", "of an open file");
  return info;
}

Result<bool> is_mount_root(int fd) {
  struct ::statx info {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &info) < 0) return failed("statx", "");
  return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Status mkdir(const std::string& path, mode_t mode) {
  return checked(::mkdir(path.c_str(), mode), "mkdir", path);
}

Status mkdir_parents(const std::string& path, mode_t mode) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    if (::mkdir(path.substr(0, at).c_str(), mode) < 0 && errno != EEXIST) {
      return failed("mkdir", path.substr(0, at));
    }
  }
  if (::mkdir(path.c_str(), mode) < 0 && errno != EEXIST) return failed("mkdir", path);
  return {};
}

Status symlink(const std::string& target, const std::string& path) {
  return checked(::symlink(target.c_str(), path.c_str()), "symlink", path);
}

Status chdir(const std::string& path) { return checked(::chdir(path.c_str()), "chdir", path); }

Status fchdir(int fd) { return checked(::fchdir(fd), "fchdir", "to an open directory"); }

Result<std::string> realpath(const std::string& path) {
  char* const resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return failed("realpath", path);
  std::string real = resolved;
  ::free(resolved);
  return real;
}

Result<std::string> readlink(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return failed("readlink", path);
  target.resize(static_cast<std::size_t>(size));
  return target;
}

Result<std::string> read_file(int fd, std::size_t limit) {
  std::string content;
  char buffer[16384];
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", "an open file");
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > limit) {
      Error error = system_error("read: more than " + std::to_string(limit) + " bytes", EFBIG);
      error.code = ErrorCode::kOutOfResources;
      return fail(std::move(error));
    }
  }
}

Status write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t put = ::write(fd, data.data(), data.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed("write", "to an open file");
    data.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Status mount(const char* source, const std::string& target, const char* type, unsigned long flags,
             const char* data) {
  return checked(::mount(source, target.c_str(), type, flags, data), "mount", target);
}

Status umount2(const std::string& target, int flags) {
  return checked(::umount2(target.c_str(), flags), "umount2", target);
}

Status pivot_root(const std::string& new_root, const std::string& put_old) {
  return checked(syscall(SYS_pivot_root, new_root.c_str(), put_old.c_str()), "pivot_root",
                 new_root);
}

Result<OwnedFd> open_tree(int dir, const std::string& path, unsigned flags) {
  return owned(syscall(SYS_open_tree, dir, path.c_str(), flags | OPEN_TREE_CLOEXEC), "open_tree",
               path.empty() ? "of an open file" : path);
}

Status move_mount(int tree, const std::string& path) {
  return checked(syscall(SYS_move_mount, tree, "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH),
                 "move_mount", path);
}

Status move_mount_onto(int tree, int target) {
  constexpr unsigned kBothByFd = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  return checked(syscall(SYS_move_mount, tree, "", target, "", kBothByFd), "move_mount",
                 "onto an open file");
}

Status move_mount_path(const std::string& from, const std::string& to) {
  return checked(syscall(SYS_move_mount, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0),
                 "move_mount", to);
}

Status mount_setattr(int dir, const std::string& path, Depth depth, const mount_attr& attributes) {
  unsigned flags = path.empty() ? AT_EMPTY_PATH : 0U;
  if (depth == Depth::kRecursive) flags |= AT_RECURSIVE;
  return checked(
      syscall(SYS_mount_setattr, dir, path.c_str(), flags, &attributes, sizeof attributes),
      "mount_setattr", path.empty() ? "of an open mount" : path);
}

Result<OwnedFd> new_mount(const char* type, const std::vector<std::string>& options,
                          unsigned attributes) {
  OwnedFd context = TRY(owned(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), "fsopen", type));
  for (const std::string& option : options) {
    const std::size_t equals = option.find('=');
    const std::string key = option.substr(0, equals);
    const bool flag = equals == std::string::npos;
    const std::string value = flag ? "" : option.substr(equals + 1);
    const long set =
        syscall(SYS_fsconfig, context.get(), flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING,
                key.c_str(), flag ? nullptr : value.c_str(), 0);
    TRY(checked(set, "fsconfig", std::string(type) + " " + option));
  }
  TRY(checked(syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0),
              "fsconfig create", type));
  return owned(syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes), "fsmount", type);
}

Status unshare(int flags) { return checked(::unshare(flags), "unshare", "namespaces"); }

Result<OwnedFd> pidfd_open(pid_t pid) {
  return owned(syscall(SYS_pidfd_open, pid, 0), "pidfd_open", std::to_string(pid));
}

Status pidfd_send_signal(int pidfd, int signal) {
  return checked(syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0), "pidfd_send_signal",
                 std::to_string(signal));
}

Status close_range(unsigned first, unsigned last) {
  return checked(syscall(SYS_close_range, first, last, 0), "close_range", std::to_string(first));
}

Status prctl(int option, unsigned long argument, const char* name) {
  return checked(::prctl(option, argument, 0UL, 0UL, 0UL), "prctl", name);
}

Status setrlimit(int resource, std::uint64_t soft, std::uint64_t hard, const char* name) {
  const struct rlimit limit { soft, hard };
  return checked(::setrlimit(static_cast<__rlimit_resource>(resource), &limit), "setrlimit", name);
}

Status drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return checked(syscall(SYS_capset, &header, none), "capset", "nothing");
}

Status sethostname(const std::string& name) {
  return checked(::sethostname(name.data(), name.size()), "sethostname", name);
}

Result<Pipe> pipe(int flags) {
  int ends[2];
  if (::pipe2(ends, flags | O_CLOEXEC) < 0) return failed("pipe2", "");
  return Pipe{OwnedFd(ends[0]), OwnedFd(ends[1])};
}

Result<SocketPair> socketpair_seqpacket() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
    return failed("socketpair", "");
  }
  return SocketPair{OwnedFd(ends[0]), OwnedFd(ends[1])};
}

namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
// From linux/memfd.h and linux/fcntl.h of Linux 6.3.
constexpr unsigned kMfdExec = 0x10;
constexpr int kSealExec = 0x20;

Status fill_and_seal(const OwnedFd& file, const char* name, std::string_view content, int seals) {
  TRY(write_all(file.get(), content));
  if (::lseek(file.get(), 0, SEEK_SET) < 0) return failed("lseek", name);
  return checked(::fcntl(file.get(), F_ADD_SEALS, seals), "fcntl F_ADD_SEALS", name);
}

}  // namespace

Result<OwnedFd> memfd(const char* name, std::string_view content) {
  OwnedFd file =
      TRY(owned(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create", name));
  TRY(fill_and_seal(file, name, content, kSeals));
  return file;
}

Result<OwnedFd> memfd_program(const char* name, std::string_view content) {
  OwnedFd file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | kMfdExec));
  const bool can_seal_exec = file.valid();
  if (!can_seal_exec) return memfd(name, content);
  if (::fchmod(file.get(), 0555) < 0) return failed("fchmod", name);
  TRY(fill_and_seal(file, name, content, kSeals | kSealExec));
  return file;
}

Result<OwnedFd> memfd_unsealed(const char* name) {
  return owned(::memfd_create(name, MFD_CLOEXEC), "memfd_create", name);
}

Result<OwnedFd> eventfd() { return owned(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd", ""); }

Status send_message(int socket, std::string_view data, std::span<const int> fds) {
  iovec part{const_cast<char*>(data.data()), data.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxMessageFds)] = {};
  if (!fds.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  while (true) {
    if (::sendmsg(socket, &header, MSG_NOSIGNAL) >= 0) return {};
    if (errno != EINTR) return failed("sendmsg", "a control message");
  }
}

Result<Message> receive_message(int socket) {
  Message message;
  message.data.resize(kMaxMessageBytes);
  iovec part{message.data.data(), message.data.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxMessageFds)];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return failed("recvmsg", "a control message");
  message.data.resize(static_cast<std::size_t>(got));
  for (cmsghdr* part_of = CMSG_FIRSTHDR(&header); part_of != nullptr;
       part_of = CMSG_NXTHDR(&header, part_of)) {
    if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::vector<int> numbers(count);
    std::memcpy(numbers.data(), CMSG_DATA(part_of), count * sizeof(int));
    for (const int number : numbers) message.fds.emplace_back(number);
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return failed("recvmsg", "a control message", EMSGSIZE);
  }
  return message;
}

}  // namespace mayfly::sys
