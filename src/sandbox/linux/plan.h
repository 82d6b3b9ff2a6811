#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sandbox/cache.h"
#include "sandbox/engine.h"
#include "sandbox/linux/landlock.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox {

// A policy as the kernel will hear it: typed operations in the order in which they are done. The
// server makes a plan; the zygote does the RootPlan once, init does a CallPlan for every call. Both
// can be printed and compared.

// One host path that the zygote makes into a detached mount.
struct Source {
  std::string path;
  std::uint64_t device = 0;  // what the server saw there; anything else is refused
  std::uint64_t inode = 0;
  bool directory = true;
  bool read_only = true;
  bool device_node = false;  // one of /dev: no nodev
  bool mapped = false;       // idmapped: host uid 0's files appear as the sandbox's
  std::string rule;

  bool operator==(const Source&) const = default;
};

enum class RootOpKind : std::uint8_t {
  kDirectory,  // target, mode
  kSymlink,    // target, text: what it points to
  kFile,       // target, text: its content
  kCopy,       // target, text: the host file that is copied now
  kMount,      // target, source; mode 0: the mount point is there
  kTmpfs,      // target, bytes, mode: lives as long as the zygote
};

enum class CallOpKind : std::uint8_t {
  kTmpfs,  // target, bytes, mode: private to this call; source 0: the mount point is there; text:
           // the rule whose size holds whatever the call's limits are
  kMount,  // target, source; mode 0: the mount point is there
  kHide,   // target: behind an empty file or directory; skipped if absent. With bytes: a directory
           // in which mount points can be made until kSeal
  kSeal,   // target: read-only from here on
  kDeny,   // target: cannot be opened; skipped if absent
  kMatches,  // text: a pattern, mode: the CoverKind of what matches it when the call starts
  kProtect,  // target: a writable directory, text: what becomes read-only below it, if it is there;
             // mode: kProtectedByRule if a rule of the policy says so
  kDevpts,   // target
  kProc,     // target
};

inline constexpr std::uint32_t kProtectedByRule = 1;

// The one private tmpfs whose size is Limits::shm_bytes; that of the others is tmp_bytes.
inline constexpr const char* kSharedMemory = "/dev/shm";

// One step. What a field means, and whether it means anything, depends on the kind.
template <typename Kind>
struct Op {
  Kind kind{};
  std::string target{};  // absolute path inside
  std::string text{};
  std::uint32_t source = 0;
  std::uint32_t mode = 0;
  std::uint64_t bytes = 0;

  bool operator==(const Op&) const = default;
};
// Building the root that all calls of a zygote share; it is read-only once built.
using RootOp = Op<RootOpKind>;
// What every call gets for itself.
using CallOp = Op<CallOpKind>;

// A compiled seccomp filter: an array of struct sock_filter.
struct FilterProgram {
  std::string bytes;
  bool listener = false;  // loaded with SECCOMP_FILTER_FLAG_NEW_LISTENER

  bool operator==(const FilterProgram&) const = default;
};

struct RootPlan {
  Tier tier = Tier::kFull;  // kLandlock: no sources and no operations, host paths in `landlock`
  Identity identity;
  std::vector<Source> sources;
  std::vector<RootOp> root_ops;
  std::vector<CallOp> call_ops;
  std::vector<LandlockRule> landlock;  // paths as the program sees them
  std::vector<FilterProgram> filters;  // in the order in which they are loaded
  // Instead of `filters`, by what a task writes. The policy's own rules about system calls are not
  // in them: they are for programs, and what these leave is less than any profile allows.
  std::vector<FilterProgram> reading_task;
  std::vector<FilterProgram> writing_task;
  std::string refusals;                       // which rule refuses a reported call (syscall_gate.h)
  ObserveLevel observe = ObserveLevel::kOff;  // what the supervisor looks at
  std::uint64_t capabilities = 0;  // that the program keeps: bits by number (capabilities.h)

  bool operator==(const RootPlan&) const = default;
};

struct CallPlan {
  std::vector<std::string> argv;  // empty: `task` runs
  std::string task;               // one of the table that helper_main was given
  std::string cwd;
  std::vector<std::string> environment;  // NAME=value
  std::string path;                      // where argv[0] is looked for
  Limits limits;
  std::uint64_t process_rlimit = 0;  // RLIMIT_NPROC of the program's own user namespace
  std::string private_directory;     // host path, of Tier::kLandlock: writable, gone afterwards
  std::optional<Terminal> terminal;  // instead of stdin, stdout and stderr
  bool has_notebook = false;         // the program has it as descriptor kNotebookFd
  // Loopback ports on which init listens before the program starts, for the server's relay.
  std::vector<std::uint16_t> relayed_ports;
  // What init has to watch, since no cgroup does it. Disk is always watched.
  bool watch_memory = true;
  bool watch_cpu = true;

  bool operator==(const CallPlan&) const = default;
};

// What a policy needs that is made or found when its first sandbox is.
struct Surroundings {
  std::vector<CacheDirectory> caches;
  // Directory of the host and path below it: read-only wherever the sandbox may write in there.
  // Programs whose set-id bits must not come to stand for other content…
  std::vector<std::pair<std::string, std::string>> set_id_files;
  // …and what programs of the host run.
  std::vector<std::pair<std::string, std::string>> protections;
};

// What `policy` needs on this host. Fails if a path that a rule names is unusable: E2001 for a rule
// that takes away what a sandbox cannot be without, or writes where code of the host is.
Result<RootPlan> plan_root(const Policy& policy, const Surroundings& surroundings);
// The same for Tier::kLandlock. E2002 for what that tier cannot enforce here.
Result<RootPlan> plan_landlock_root(const Policy& policy, const Surroundings& surroundings);
// Lets the call use `directory` for what is not kept: TMPDIR, HOME.
void use_private_directory(CallPlan& plan, const Policy& policy, const std::string& directory);
// What `command` adds. E5001 for an argument that cannot be.
Result<CallPlan> plan_call(const Policy& policy, const Command& command);

// The filters that the program, or `task` if it is not null, runs under.
const std::vector<FilterProgram>& filters_of(const RootPlan& plan, const Task* task);

std::string to_text(const RootPlan& plan);

std::string encode(const RootPlan& plan);
Result<RootPlan> decode_root_plan(std::string_view bytes);
std::string encode(const CallPlan& plan);
Result<CallPlan> decode_call_plan(std::string_view bytes);

}  // namespace mayfly::sandbox
