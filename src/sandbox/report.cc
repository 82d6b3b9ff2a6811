#include "sandbox/report.h"

namespace mayfly::sandbox {

const char* to_string(EndedBy ended_by) {
  switch (ended_by) {
    case EndedBy::kExit:
      return "exit";
    case EndedBy::kSignal:
      return "signal";
    case EndedBy::kTimeout:
      return "timeout";
    case EndedBy::kCpu:
      return "cpu";
    case EndedBy::kMemory:
      return "memory";
    case EndedBy::kPids:
      return "pids";
    case EndedBy::kDisk:
      return "disk";
    case EndedBy::kOutput:
      return "output";
    case EndedBy::kSeccomp:
      return "seccomp";
    case EndedBy::kCancelled:
      return "cancelled";
    case EndedBy::kSetup:
      return "setup";
  }
  return "setup";
}

const char* to_string(ViolationKind kind) {
  switch (kind) {
    case ViolationKind::kFilesystem:
      return "filesystem";
    case ViolationKind::kNetwork:
      return "network";
    case ViolationKind::kSyscall:
      return "syscall";
    case ViolationKind::kCapability:
      return "capability";
    case ViolationKind::kResource:
      return "resource";
    case ViolationKind::kHostCode:
      return "host_code";
  }
  return "syscall";
}

}  // namespace mayfly::sandbox
