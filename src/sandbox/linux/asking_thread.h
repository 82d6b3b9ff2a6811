#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace mayfly::sandbox {

// What init sees of a thread that waits for the answer to a system call. Whatever is read by the
// thread's number is its own only if Listener::still_asked() holds afterwards.

// The process of a thread, held so that its number cannot come to mean another one. A thread may
// have descriptors of its own, which Linux 6.9 can hand out (PIDFD_THREAD); before, those of the
// thread group's leader are taken, which is the program's too. Invalid, with errno, if it is gone.
OwnedFd hold_process(pid_t thread);

// A descriptor of that process, for ourselves. Invalid, with errno, if it has none of that number.
OwnedFd duplicate_of(const OwnedFd& process, int fd);

// Descriptors of threads, for who asks about one thread's again and again: the last one stays held.
// A number that has come to mean another thread is noticed, since what is held is the thread.
class HeldThread {
 public:
  // Invalid if `thread` has none of that number, or before Linux 6.9: those of its thread group's
  // leader are not its own.
  OwnedFd duplicate(pid_t thread, int fd);

 private:
  pid_t thread_ = 0;
  OwnedFd held_;
};

// An option of SOL_SOCKET that is an int.
std::optional<int> socket_option(const OwnedFd& socket, int option);

// A file of procfs, and the number behind a name in it. Empty and nullopt if there is none.
std::string proc_file(const std::string& path);
std::optional<std::uint64_t> proc_number(std::string_view text, std::string_view name);

}  // namespace mayfly::sandbox
