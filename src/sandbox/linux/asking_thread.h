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

// Whether all `size` bytes at `address` of the thread's memory could be copied.
bool copy_from_thread(pid_t thread, std::uint64_t address, void* into, std::size_t size);

// An option of SOL_SOCKET that is an int.
std::optional<int> socket_option(const OwnedFd& socket, int option);

// A file of procfs, and the number behind a name in it. Empty and nullopt if there is none.
std::string proc_file(const std::string& path);
std::optional<std::uint64_t> proc_number(std::string_view text, std::string_view name);

}  // namespace mayfly::sandbox
