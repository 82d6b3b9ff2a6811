#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/report.h"

namespace mayfly::sandbox {

// What goes over the two kinds of SOCK_SEQPACKET sockets. Every message is one `Kind` and its
// fields; descriptors travel beside it, in the order given.
//
//   server → zygote   kConfigure  fds: root plan, detached mounts of the mapped sources
//                     kPark       helper
//                     kLaunch     call, helper (0: none), has_notebook, has_group; fds: call plan,
//                                 stdin, stdout, stderr, the call's channel, its ledger, and if
//                                 it has them its notebook and its group (of cgroup v2)
//   zygote → server   kReady      stages
//                     kParked     helper, pid
//                     kFailed     call or helper (both 0: configuring), error
//                     kLaunched   call; fds: pidfd of init
//                     kEnded      call, wait status and resource usage of init and all below it
//   init → server     kStarted    stages; fds: the terminal's master if the call has one, then for
//                                 each of the plan's relayed ports one listener, in their order,
//                                 on 127.0.0.1 and, where there is IPv6, one more on ::1
//                     kFailed     call 0, error, the stage's name in front of it
//                     kExited     wait status of the program
//                     kOverMemory, kOverCpu, kOverDisk, kOverProcesses: init ends the call; the
//                                 ledger says more
//                     kFindSocket question, device, inode: whose socket is that?
//                     kSocketHere question (the server's), found
//                     kDialed     question (the server's), found; fds: a socket, non-blocking, that
//                                 is connected or connecting to that port of its loopback
//   server → init     kTerminate
//                     kDial       question, port, found: somebody listens on IPv4's loopback
//                                 there, else on IPv6's
//                     kHaveSocket question (the server's), device, inode: is that one of yours?
//                     kSocketFound question, found
enum class Kind : std::uint8_t {
  kConfigure,
  kPark,
  kLaunch,
  kReady,
  kParked,
  kFailed,
  kLaunched,
  kEnded,
  kStarted,
  kExited,
  kOverMemory,
  kOverCpu,
  kOverDisk,
  kOverProcesses,
  kTerminate,
  kFindSocket,
  kSocketFound,
  kHaveSocket,
  kSocketHere,
  kDial,
  kDialed,
};

struct Note {
  Kind kind = Kind::kFailed;
  std::uint64_t call = 0;
  std::uint64_t helper = 0;
  std::int32_t pid = 0;
  std::int32_t wait_status = 0;
  std::uint64_t question = 0;  // the asker's number for it
  std::uint64_t device = 0;    // of the file system, as the kernel's own dev_t
  std::uint64_t inode = 0;
  bool found = false;
  std::uint16_t port = 0;          // kDial
  bool left_files_in_tmp = false;  // kExited
  bool has_notebook = false;       // kLaunch
  bool has_group = false;          // kLaunch
  bool slow_notices = false;       // kStarted: answers do not wake programs at once (listener.h)
  std::int32_t landlock_abi = 0;   // kStarted: of the ruleset in force, 0 without one
  struct rusage usage {};
  std::vector<StageTime> stages;
  Error error;
};

std::string encode(const Note& note);
Result<Note> decode_note(std::string_view bytes);

}  // namespace mayfly::sandbox
