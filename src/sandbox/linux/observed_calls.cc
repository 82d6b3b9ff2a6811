#include "sandbox/linux/observed_calls.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace mayfly::sandbox {
namespace {

constexpr std::uint64_t kAll32 = 0xffffffff;
constexpr std::uint64_t kAll64 = ~0ULL;
// With none of these bits an open(2) changes nothing. O_TMPFILE is more than O_DIRECTORY.
constexpr std::uint64_t kChanges =
    O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);

const UnnoticedRows kNever = {{}};
const UnnoticedRows kAlways = {};

// An open for reading is of interest at level `all`; one that only makes a handle never is.
UnnoticedRows not_changing(unsigned flags) { return {{{flags, kChanges, 0}}}; }
UnnoticedRows only_a_handle(unsigned flags) { return {{{flags, O_PATH, O_PATH}}}; }

// All that is not of realtime.
UnnoticedRows ordinary_policies() {
  UnnoticedRows rows;
  for (const std::uint64_t policy : {SCHED_OTHER, SCHED_BATCH, SCHED_IDLE}) {
    rows.push_back({{1, kAll32 & ~std::uint64_t{SCHED_RESET_ON_FORK}, policy}});
  }
  return rows;
}

// "None", best effort and idle, for what the tables allow: processes and groups of them.
UnnoticedRows ordinary_classes() {
  constexpr std::uint64_t kClass = 0xe000;
  UnnoticedRows rows;
  for (const std::uint64_t whose : {1, 2}) {
    for (const std::uint64_t each : {0x0000, 0x4000, 0x6000}) {
      rows.push_back({{0, kAll32, whose}, {2, kClass, each}});
    }
  }
  return rows;
}

std::vector<ObservedCall> make_calls() {
  std::vector<ObservedCall> calls = {
      {"open", Subject::kPath, not_changing(1), only_a_handle(1)},
      {"openat", Subject::kPath, not_changing(2), only_a_handle(2)},
      {"chdir", Subject::kPath, kNever, kAlways},
      // Without an address it goes where the socket is connected to.
      {"sendto", Subject::kNetwork, {{{4, kAll64, 0}}}, {{{4, kAll64, 0}}}},
      {"bind", Subject::kNetwork, kAlways, kAlways},
      {"execve", Subject::kPath, {{{3, kAll64, kUnnoticedExec}}}, {{{3, kAll64, kUnnoticedExec}}}},
  };
  for (const char* name :
       {"creat",     "mkdir",     "mkdirat",     "mknod",        "mknodat",      "rmdir",
        "unlink",    "unlinkat",  "rename",      "renameat",     "renameat2",    "link",
        "linkat",    "symlink",   "symlinkat",   "truncate",     "chmod",        "fchmod",
        "fchmodat",  "utime",     "utimes",      "futimesat",    "utimensat",    "setxattr",
        "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "execveat"}) {
    calls.push_back({name, Subject::kPath, kAlways, kAlways});
  }
  for (const char* name :
       {"chown", "lchown", "fchown", "fchownat", "setuid", "setgid", "setreuid", "setregid",
        "setresuid", "setresgid", "setgroups", "sched_setattr", "setpriority"}) {
    calls.push_back({name, Subject::kCapability, kAlways, kAlways});
  }
  const auto asking_little = [&calls](const char* name, const UnnoticedRows& rows) {
    calls.push_back({name, Subject::kCapability, rows, rows});
  };
  asking_little("sched_setscheduler", ordinary_policies());
  asking_little("ioprio_set", ordinary_classes());
  // A question about a limit, and the soft limit that every compiler raises for its stack.
  asking_little("prlimit64",
                {{{2, kAll64, 0}}, {{1, kAll32, RLIMIT_STACK}}, {{4, kAll64, kUnnoticedExec}}});
  asking_little("setrlimit", {{{0, kAll32, RLIMIT_STACK}}});
  return calls;
}

bool holds(const ArgumentRule& rule, const seccomp_data& call) {
  const std::uint64_t value =
      rule.mask > kAll32 ? call.args[rule.argument] : call.args[rule.argument] & kAll32;
  return (value & rule.mask) == rule.value;
}

bool one_holds(const std::vector<std::vector<ArgumentRule>>& rows, const seccomp_data& call) {
  return std::any_of(rows.begin(), rows.end(), [&call](const auto& row) {
    return std::all_of(row.begin(), row.end(),
                       [&call](const ArgumentRule& rule) { return holds(rule, call); });
  });
}

using Rows = std::vector<std::vector<ArgumentRule>>;

// Asked for with every notification, and numbers are small.
template <typename Value>
using ByNumber = std::vector<Value>;

template <typename Value>
void put(ByNumber<Value>& values, int number, Value value) {
  const auto at = static_cast<std::size_t>(number);
  if (at >= values.size()) values.resize(at + 1);
  values[at] = std::move(value);
}

template <typename Value>
const Value* at_number(const ByNumber<Value>& values, int number) {
  const auto at = static_cast<std::size_t>(number);
  return number < 0 || at >= values.size() ? nullptr : &values[at];
}

// Of the observed calls alone.
ByNumber<Rows> rows_by_number(Namespaces namespaces) {
  std::map<std::string_view, Rows> by_name;
  for (const SyscallGroup& group : allowed_groups()) {
    for (const AllowedCall& call : group.calls) by_name[call.name].push_back(call.rules);
  }
  if (namespaces == Namespaces::kHosts) {
    for (const NarrowedCall& call : narrowed_calls()) by_name[call.name] = call.rows;
  }
  ByNumber<Rows> by_number;
  for (const ObservedCall& call : observed_calls()) {
    const int number = seccomp_syscall_resolve_name(call.name);
    if (number >= 0) put(by_number, number, by_name[call.name]);
  }
  return by_number;
}

}  // namespace

const std::vector<ObservedCall>& observed_calls() {
  static const std::vector<ObservedCall> calls = make_calls();
  return calls;
}

const UnnoticedRows* unnoticed_rows(const char* name, ObserveLevel level) {
  if (level == ObserveLevel::kOff) return nullptr;
  for (const ObservedCall& call : observed_calls()) {
    if (std::string_view(call.name) != name) continue;
    const UnnoticedRows& rows = level == ObserveLevel::kAll ? call.at_all : call.at_writes;
    const bool never = rows.size() == 1 && rows.front().empty();
    return never ? nullptr : &rows;
  }
  return nullptr;
}

const ObservedCall* observed_call(int number) {
  static const ByNumber<const ObservedCall*> by_number = [] {
    ByNumber<const ObservedCall*> calls;
    for (const ObservedCall& call : observed_calls()) {
      const int resolved = seccomp_syscall_resolve_name(call.name);
      if (resolved >= 0) put(calls, resolved, &call);
    }
    return calls;
  }();
  const auto* found = at_number(by_number, number);
  return found == nullptr ? nullptr : *found;
}

bool tables_allow(const seccomp_data& call, Namespaces namespaces) {
  static const ByNumber<Rows> own = rows_by_number(Namespaces::kOwn);
  static const ByNumber<Rows> hosts = rows_by_number(Namespaces::kHosts);
  const Rows* rows = at_number(namespaces == Namespaces::kHosts ? hosts : own, call.nr);
  return rows != nullptr && one_holds(*rows, call);
}

}  // namespace mayfly::sandbox
