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
//                     kLaunch     call, helper (0: none); fds: call plan, stdin, stdout, stderr,
//                     the
//                                 call's channel, and on cgroup v2 the call's group
//   zygote → server   kReady      stages
//                     kParked     helper, pid
//                     kFailed     call or helper (both 0: configuring), error
//                     kLaunched   call; fds: pidfd of init
//                     kEnded      call, wait status and resource usage of init and all below it
//   init → server     kStarted    stages; fds: the seccomp listener
//                     kFailed     call 0, error, the stage's name in front of it
//                     kExited     wait status of the program
//                     kOverMemory, kOverCpu, kOverProcesses  what was seen
//                     kDenied     bytes: how often; error: field the operation, value its target
//   server → init     kTerminate
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
  kOverProcesses,
  kDenied,
  kTerminate,
};

struct Note {
  Kind kind = Kind::kFailed;
  std::uint64_t call = 0;
  std::uint64_t helper = 0;
  std::int32_t pid = 0;
  std::int32_t wait_status = 0;
  std::uint64_t bytes = 0;  // kOverMemory: what was seen; kExited: the peak that was seen
  std::uint64_t peak_processes = 0;
  bool left_files_in_tmp = false;  // kExited
  std::int32_t landlock_abi = 0;   // kStarted: of the ruleset in force, 0 without one
  struct rusage usage {};
  std::vector<StageTime> stages;
  Error error;
};

std::string encode(const Note& note);
Result<Note> decode_note(std::string_view bytes);

}  // namespace mayfly::sandbox
