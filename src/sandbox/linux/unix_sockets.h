#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mayfly::sandbox {

// connect(2) on a program's behalf. No namespace keeps a program from a socket file: whoever can
// write to it reaches whoever listens, on the host too. So no program's connect goes on by itself.
// A helper of init's takes a duplicate of the socket and a copy of the address, which nobody
// changes any more, follows a path to the file it leads to, holds on to that file, and connects
// only if one of these listens on it:
//
//  - somebody in this sandbox: the file lies in one of its private directories, or the kernel names
//    it among the sockets of this network namespace (sock_diag(7));
//  - another call of the same caller, whose init says so (socket_owners.h).
//
// A socket file belongs to one socket for good, and its inode number is not used again while the
// file is held: what was asked about is what is connected to. Abstract addresses mean something
// within the network namespace only, so their connects are done as they are; so would those of
// Internet sockets be, which have a quicker way of their own (internet_calls.h).
//
// Blocks as long as the socket's connect does, so it runs in a process of its own.

struct ConnectRequest {
  pid_t thread = 0;
  int socket = -1;
  std::uint64_t address = 0;  // in the thread's memory
  std::uint64_t size = 0;
};

// The file of a socket: the file system as dev_t, and the inode.
struct SocketFile {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  bool operator==(const SocketFile&) const = default;
};

struct ConnectOutcome {
  int error = 0;             // 0: connected
  std::string refused_path;  // of a socket file that nobody of this caller's listens on
};

struct ConnectHelp {
  std::vector<std::uint64_t> private_devices;  // file systems that no other sandbox has
  std::function<bool()> still_asked;           // whether the thread still waits for the answer
  std::function<bool(const SocketFile&)> ask_others;
};

ConnectOutcome connect_for_program(const ConnectRequest& request, const ConnectHelp& help);

// Whether a socket of this process's network namespace listens on that file.
bool listens_here(const SocketFile& file);

}  // namespace mayfly::sandbox
