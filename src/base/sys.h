#pragma once

#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

// The kernel by its own names: thin wrappers that return Result, name the call and its object in
// the error, and own what they open. Every descriptor is close-on-exec from birth. The man page of
// the same name says the rest; the kernel version is given where a call is younger than 5.10.
namespace mayfly::sys {

Result<OwnedFd> open(const std::string& path, int flags, mode_t mode = 0);
Result<OwnedFd> openat(int dir, const std::string& path, int flags, mode_t mode = 0);
// openat2(2), Linux 5.6. `resolve` is of RESOLVE_*.
Result<OwnedFd> openat2(int dir, const std::string& path, std::uint64_t flags,
                        std::uint64_t resolve, std::uint64_t mode = 0);
Result<struct ::stat> stat(const std::string& path);
Result<struct ::stat> fstat(int fd);
// Whether the open file is the root of a mount (statx(2), STATX_ATTR_MOUNT_ROOT: Linux 5.8).
Result<bool> is_mount_root(int fd);
Status mkdir(const std::string& path, mode_t mode);
// Creates every missing directory of `path`, those above it too.
Status mkdir_parents(const std::string& path, mode_t mode);
Status symlink(const std::string& target, const std::string& path);
Status chdir(const std::string& path);
Status fchdir(int fd);
Result<std::string> readlink(const std::string& path);
// The absolute path without links, "." and ".." of something that exists.
Result<std::string> realpath(const std::string& path);
// Reads to the end of file; at most `limit` bytes (E4002 if there is more).
Result<std::string> read_file(int fd, std::size_t limit);
Status write_all(int fd, std::string_view data);

Status mount(const char* source, const std::string& target, const char* type, unsigned long flags,
             const char* data);
Status umount2(const std::string& target, int flags);
Status pivot_root(const std::string& new_root, const std::string& put_old);
Result<OwnedFd> open_tree(int dir, const std::string& path, unsigned flags);
// Attaches the mount behind `tree` at `path`.
Status move_mount(int tree, const std::string& path);
// Attaches the mount behind `tree` on top of the file or directory behind `target`.
Status move_mount_onto(int tree, int target);
// Moves what is mounted at `from` to `to`.
Status move_mount_path(const std::string& from, const std::string& to);
// mount_setattr(2), Linux 5.12; `recursive` covers the mounts below.
enum class Depth { kThisMount, kRecursive };
Status mount_setattr(int dir, const std::string& path, Depth depth, const mount_attr& attributes);

// A new, detached mount of `type`, configured by `options` (a key, or key=value).
Result<OwnedFd> new_mount(const char* type, const std::vector<std::string>& options,
                          unsigned attributes);

Status unshare(int flags);
Result<OwnedFd> pidfd_open(pid_t pid);
Status pidfd_send_signal(int pidfd, int signal);
Status close_range(unsigned first, unsigned last);
Status prctl(int option, unsigned long argument, const char* name);
Status setrlimit(int resource, std::uint64_t soft, std::uint64_t hard, const char* name);
// Clears the effective, permitted and inheritable (and so the ambient) capabilities.
Status drop_capabilities();
Status sethostname(const std::string& name);

struct Pipe {
  OwnedFd read;
  OwnedFd write;
};
Result<Pipe> pipe(int flags = 0);
struct SocketPair {
  OwnedFd first;
  OwnedFd second;
};
// A pair of AF_UNIX sockets that keep message boundaries.
Result<SocketPair> socketpair_seqpacket();
// Memory as a file, sealed against every change and positioned at its start.
Result<OwnedFd> memfd(const char* name, std::string_view content);
Result<OwnedFd> memfd_unsealed(const char* name);
// The same as memfd, but to be executed, and so that nobody can take that from it (F_SEAL_EXEC,
// Linux 6.3; before that the mode can be changed).
Result<OwnedFd> memfd_program(const char* name, std::string_view content);
Result<OwnedFd> eventfd();

// One message with descriptors over a SOCK_SEQPACKET socket.
struct Message {
  std::string data;
  std::vector<OwnedFd> fds;
};
inline constexpr std::size_t kMaxMessageBytes = 16 * 1024;
inline constexpr std::size_t kMaxMessageFds = 240;  // SCM_MAX_FD is 253
Status send_message(int socket, std::string_view data, std::span<const int> fds = {});
// An empty `data` without descriptors means that the peer is gone. EAGAIN is an error with that
// os_errno if the socket does not block.
Result<Message> receive_message(int socket);

}  // namespace mayfly::sys
