#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace mayfly::sandbox {

// What ended a call. kSetup: the program never started.
enum class EndedBy {
  kExit,
  kSignal,
  kTimeout,
  kCpu,
  kMemory,
  kPids,
  kDisk,
  kOutput,
  kSeccomp,
  kCancelled,
  kSetup,
};
const char* to_string(EndedBy ended_by);

enum class ViolationKind { kFilesystem, kNetwork, kSyscall, kCapability, kResource, kHostCode };
const char* to_string(ViolationKind kind);

// One value of a profile that would have permitted something.
struct Permission {
  std::string key;    // "filesystem.read"
  std::string value;  // what the remedy names: "/opt/sdk"
  std::string exact;  // the least that would do: "/opt/sdk/include/x.h"

  bool operator==(const Permission&) const = default;
};

// What can be done about a violation outside of the sandbox.
enum class WayOut {
  kNone,     // nothing: no profile gives it
  kProfile,  // a profile with all of Violation::permissions permits it
  kDanger,   // the same, and can undo what the sandbox is for
  kRule,     // a rule that somebody wrote stands against it
};

// Something that the sandbox stopped, as the kernel or the supervisor saw it: never guessed from
// what a program printed. Equal ones are counted.
struct Violation {
  ViolationKind kind = ViolationKind::kSyscall;
  std::string operation;   // "mount", "unshare", "limit"
  std::string target;      // a path, "CLONE_NEWUSER", "AF_VSOCK": one printable line
  std::string rule;        // "default: syscalls"
  std::string errno_name;  // "EPERM", or empty
  std::uint64_t count = 1;
  bool retryable = false;
  std::string remedy;
  WayOut way = WayOut::kNone;
  std::vector<Permission> permissions{};  // of kProfile and kDanger

  bool operator==(const Violation&) const = default;
};

// How long one stage of setting up took.
struct StageTime {
  std::string stage;
  microseconds took{0};
};

// A value that this host or this version cannot give, and why.
struct Unavailable {
  std::string what;
  std::string why;
};

// How long some process of the call waited for a resource (PSI, Linux 4.20, cgroup v2).
struct Pressure {
  microseconds cpu{0};
  microseconds memory{0};
  microseconds io{0};
};

struct Usage {
  microseconds wall{0};
  microseconds user{0};
  microseconds system{0};
  std::optional<std::uint64_t> peak_memory_bytes;
  std::optional<std::uint64_t> peak_processes;
  std::optional<std::uint64_t> bytes_read;  // from storage, not from the page cache
  std::optional<std::uint64_t> bytes_written;
  std::optional<std::uint64_t> disk_bytes;  // what counts against Limits::disk_bytes
  std::optional<Pressure> pressure;
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::vector<StageTime> setup;
};

// A limit, what it was and how far the call went, in the unit that its name ends with.
struct LimitUse {
  std::string name;  // "wall_ms", "memory_bytes", "processes"
  std::uint64_t limit = 0;
  std::optional<std::uint64_t> used;
  bool reached = false;
  std::string enforced_by = {};  // "cgroup v2", "rlimit", "watch at 10 Hz", "supervisor"
};

// A process that did not end although it was killed: it sits in the kernel and cannot be reached.
struct Lingering {
  std::int64_t pid = 0;  // on the host
  std::string name;
  std::string state;  // as proc(5) has it: "D"
};

// One stream of a call's output: kept whole, in memory while small, in an unlinked file after that.
// Written by the engine's thread only; reading is safe from any thread at any time.
class OutputStream {
 public:
  OutputStream();
  ~OutputStream();
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;

  void append(const char* data, std::size_t size);
  std::uint64_t size() const;
  // At most `size` bytes from `offset` on; shorter at the end.
  std::string read(std::uint64_t offset, std::size_t size) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The receipt's facts. The program's fate (`exit_code`, `signal`) and the sandbox's
// (`setup_error`) are different things: exactly one of the three is set once a call has ended, and
// none if it was cancelled before it had a place to run.
struct Report {
  std::string call_id;
  std::string profile;
  std::string tier = "full";
  std::string policy_digest;
  EndedBy ended_by = EndedBy::kExit;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::optional<Error> setup_error;  // message names the stage
  Usage usage;
  std::vector<LimitUse> limits;
  std::vector<Violation> violations;  // grouped, ordered by first time
  std::uint64_t violations_total = 0;
  std::vector<std::string> layers;  // what was really in force
  std::vector<Unavailable> unavailable;
  std::shared_ptr<OutputStream> out;
  std::shared_ptr<OutputStream> err;
  bool left_files_in_tmp = false;
  std::vector<Lingering> lingering;
};

}  // namespace mayfly::sandbox
