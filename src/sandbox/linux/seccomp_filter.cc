#include "sandbox/linux/seccomp_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fiemap.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/sys.h"
#include "sandbox/linux/bpf_program.h"
#include "sandbox/linux/observed_calls.h"
#include "sandbox/linux/syscall_gate.h"
#include "sandbox/linux/syscall_rules.h"
#include "sandbox/linux/task_calls.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxProgram = sizeof(sock_filter) * BPF_MAXINSNS;

using Context = std::unique_ptr<void, void (*)(void*)>;

Status checked(int code, const std::string& what) {
  if (code < 0) return fail(system_error("libseccomp: " + what, -code));
  return {};
}

std::uint32_t action(Answer answer) {
  return SCMP_ACT_ERRNO(answer == Answer::kAbsent ? ENOSYS : EPERM);
}

// Calls that another architecture has and this one has not resolve to a negative number.
bool exists(int number) { return number >= 0; }

Status add_rule(Context& context, std::uint32_t answer, const AllowedCall& call) {
  const int number = seccomp_syscall_resolve_name(call.name);
  if (!exists(number)) return {};
  std::vector<scmp_arg_cmp> comparisons;
  for (const ArgumentRule& rule : call.rules) {
    comparisons.push_back({rule.argument, SCMP_CMP_MASKED_EQ, rule.mask, rule.value});
  }
  return checked(seccomp_rule_add_array(context.get(), answer, number, unsigned(comparisons.size()),
                                        comparisons.data()),
                 call.name);
}

Status allow(Context& context, const AllowedCall& call) {
  return add_rule(context, SCMP_ACT_ALLOW, call);
}

Result<std::string> export_program(Context& context) {
  const OwnedFd file(::memfd_create("filter", MFD_CLOEXEC));
  if (!file.valid()) return fail(system_error("memfd_create filter", errno));
  TRY(checked(seccomp_export_bpf(context.get(), file.get()), "export"));
  if (::lseek(file.get(), 0, SEEK_SET) < 0) return fail(system_error("lseek filter", errno));
  return sys::read_file(file.get(), kMaxProgram);
}

// Whether the policy leaves the call to the tables' rows. Conditions are the gate's.
bool has_rows(const SyscallPolicy& policy, const char* name) {
  const SyscallRulesOf rules = rules_about(policy, name);
  return is_essential(name) || (rules.deny.flat == nullptr && !rules.allow.none());
}

bool is_narrowed(const char* name) {
  const auto& calls = narrowed_calls();
  return std::any_of(calls.begin(), calls.end(), [name](const NarrowedCall& call) {
    return std::string_view(call.name) == name;
  });
}

// Of a call that the supervisor is to see, only what it need not see.
Status allow_unnoticed(Context& context, const SyscallPolicy& policy,
                       const FilterOptions& options) {
  for (const ObservedCall& call : observed_calls()) {
    const UnnoticedRows* rows = unnoticed_rows(call.name, options.observe);
    if (rows == nullptr || !has_rows(policy, call.name)) continue;
    if (options.namespaces == Namespaces::kHosts && is_narrowed(call.name)) continue;
    for (const auto& row : *rows) TRY(allow(context, {call.name, row}));
  }
  return {};
}

Status allow_narrowed(Context& context, const SyscallPolicy& policy) {
  for (const NarrowedCall& call : narrowed_calls()) {
    if (!has_rows(policy, call.name)) continue;
    for (const auto& row : call.rows) TRY(allow(context, {call.name, row}));
  }
  return {};
}

bool observes(const FilterOptions& options, const char* name) {
  return options.supervision == Supervision::kInit &&
         unnoticed_rows(name, options.observe) != nullptr;
}

Status set_attributes(Context& context, std::uint32_t foreign) {
  TRY(checked(seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, foreign),
              "foreign architectures"));
  // A binary tree: what counts is the number of instructions run for a call, not their total.
  return checked(seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");
}

Result<std::string> compile_allowlist(const SyscallPolicy& policy, const FilterOptions& options) {
  const bool supervised = options.supervision == Supervision::kInit;
  const bool narrowed = options.namespaces == Namespaces::kHosts;
  const std::uint32_t otherwise = supervised ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EPERM);
  Context context(seccomp_init(otherwise), seccomp_release);
  if (context == nullptr) return fail(system_error("libseccomp: init", ENOMEM));
  TRY(set_attributes(context, supervised ? SCMP_ACT_NOTIFY : SCMP_ACT_KILL_PROCESS));
  for (const SyscallGroup& group : allowed_groups()) {
    for (const AllowedCall& call : group.calls) {
      if (narrowed && is_narrowed(call.name)) continue;
      if (observes(options, call.name)) continue;
      if (has_rows(policy, call.name)) TRY(allow(context, call));
    }
  }
  if (supervised) TRY(allow_unnoticed(context, policy, options));
  if (narrowed) {
    TRY(allow_narrowed(context, policy));
  } else if (supervised) {
    for (const AllowedCall& call : calls_needing_supervisor()) {
      if (has_rows(policy, call.name)) TRY(allow(context, call));
    }
  } else {
    for (const char* name : supervised_calls()) {
      if (has_rows(policy, name)) TRY(allow(context, {name, {}}));
    }
  }
  for (const DeniedCall& call : unreported_calls()) {
    const int number = seccomp_syscall_resolve_name(call.name);
    // libseccomp refuses a rule that says what would be answered anyway.
    if (!exists(number) || action(call.answer) == otherwise) continue;
    TRY(checked(seccomp_rule_add(context.get(), action(call.answer), number, 0), call.name));
  }
  return export_program(context);
}

// Calls that change another process, by the process in their first argument. Init has the same host
// uid as the program, so nothing else keeps these from starving or blinding it.
constexpr std::uint32_t kAimed[] = {SYS_prlimit64, SYS_sched_setparam, SYS_sched_setscheduler,
                                    SYS_sched_setattr, SYS_sched_setaffinity};
// The same, with the process in the second argument.
constexpr std::uint32_t kAimedSecond[] = {SYS_setpriority, SYS_ioprio_set};

// Calls younger than the tables that the policy lets through, under whatever conditions.
std::vector<int> young_calls(const SyscallPolicy& policy) {
  std::vector<int> numbers;
  for (const SyscallRule& rule : policy.danger_allow) {
    const int number = seccomp_syscall_resolve_name(rule.call.c_str());
    if (number > newest_known_call()) numbers.push_back(number);
  }
  return numbers;
}

// Only the lower halves of arguments are compared: the kernel looks at no more of a pid or of an
// ioctl's number, and comparing all 64 bits let calls through elsewhere (CVE-2019-10063).
class Tail {
 public:
  BpfProgram compile(const SyscallPolicy& policy, const FilterOptions& options) {
    leave_foreign();
    refuse_value(SYS_ioctl, 1, TIOCSTI);
    refuse_value(SYS_ioctl, 1, TIOCLINUX);
    // Anybody with a terminal of his own could have the kernel load a module for the line
    // discipline that he names, and give it his bytes (CVE-2017-2636, CVE-2023-6546).
    refuse_value(SYS_ioctl, 1, TIOCSETD);
    if (options.namespaces == Namespaces::kHosts) refuse_file_ioctls();
    for (const std::uint32_t number : kAimed) refuse_value(number, 0, kInit);
    for (const std::uint32_t number : kAimedSecond) refuse_value(number, 1, kInit);
    keep_core_limit();
    keep_dumpable();
    for (const int young : young_calls(policy)) {
      if_equal(static_cast<std::uint32_t>(young), 0, 1);
      answer(SECCOMP_RET_ALLOW);
    }
    program_.if_greater(static_cast<std::uint32_t>(newest_known_call()), 0, 1);
    answer(SECCOMP_RET_ERRNO | ENOSYS);
    answer(SECCOMP_RET_ALLOW);
    return std::move(program_);
  }

 private:
  static constexpr std::uint32_t kInit = 1;

  void load(std::size_t offset) { program_.load(offset); }
  void answer(std::uint32_t action) { program_.answer(action); }
  void if_equal(std::uint32_t value, std::uint8_t if_so, std::uint8_t if_not) {
    program_.if_equal(value, if_so, if_not);
  }

  // The next filter refuses these, and its word is the severer one only if this one has none: their
  // numbers mean other calls. Leaves the number loaded.
  void leave_foreign() {
    load(offsetof(seccomp_data, arch));
    if_equal(seccomp_arch_native(), 1, 0);
    answer(SECCOMP_RET_ALLOW);
    load(offsetof(seccomp_data, nr));
    if (seccomp_arch_native() != AUDIT_ARCH_X86_64) return;
    constexpr std::uint32_t kX32 = 0x40000000;
    if_equal(0xffffffff, 2, 0);  // no call at all (seccomp(2))
    program_.if_greater(kX32 - 1, 0, 1);
    answer(SECCOMP_RET_ALLOW);
  }

  // EPERM if the call is `number` and its argument is `value`. Leaves the number loaded.
  void refuse_value(std::uint32_t number, std::size_t argument, std::uint32_t value) {
    if_equal(number, 0, 4);
    load(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
    if_equal(value, 0, 1);
    answer(SECCOMP_RET_ERRNO | EPERM);
    load(offsetof(seccomp_data, nr));
  }

  // EPERM for the requests by which file systems change a file, whatever it was opened for, but
  // those that only ask and those that copy. Leaves the number loaded.
  void refuse_file_ioctls() {
    constexpr std::uint32_t kHarmless[] = {FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_FIEMAP,
                                           FICLONE,         FICLONERANGE,      FIDEDUPERANGE};
    constexpr std::uint32_t kTypes[] = {'f' << 8, 'X' << 8, 'v' << 8, 0x94 << 8, 0xf5 << 8};
    constexpr std::uint32_t kTypeMask = 0xff00;
    // A jump counts the instructions that it passes over: the tests that are left, and of load,
    // mask, answer and load those that come after it.
    constexpr auto kTests = static_cast<std::uint8_t>(std::size(kHarmless) + std::size(kTypes));
    std::uint8_t left = kTests;
    if_equal(SYS_ioctl, 0, kTests + 4);
    load(offsetof(seccomp_data, args) + sizeof(std::uint64_t));
    for (const std::uint32_t harmless : kHarmless) {
      --left;
      if_equal(harmless, static_cast<std::uint8_t>(left + 2), 0);
    }
    program_.keep_bits(kTypeMask);
    for (const std::uint32_t type : kTypes) {
      --left;
      if_equal(type, left, std::uint8_t(left == 0 ? 1 : 0));
    }
    answer(SECCOMP_RET_ERRNO | EPERM);
    load(offsetof(seccomp_data, nr));
  }

  // The limit of core files stays 1: below that a core_pattern that is a pipe starts its helper on
  // the host (core(5)). Success without doing it, since gpg and ssh-agent end if they may not set
  // it to 0, and there will be no core file either way.
  void keep_core_limit() {
    constexpr std::size_t kSize = sizeof(std::uint64_t);
    constexpr std::size_t kArguments = offsetof(seccomp_data, args);
    if_equal(SYS_setrlimit, 0, 4);
    load(kArguments);
    if_equal(RLIMIT_CORE, 0, 1);
    answer(SECCOMP_RET_ERRNO | 0);
    load(offsetof(seccomp_data, nr));
    if_equal(SYS_prlimit64, 0, 8);
    load(kArguments + kSize);
    if_equal(RLIMIT_CORE, 0, 5);
    load(kArguments + 2 * kSize);  // a new limit, or only a question?
    if_equal(0, 0, 2);
    load(kArguments + 2 * kSize + sizeof(std::uint32_t));
    if_equal(0, 1, 0);
    answer(SECCOMP_RET_ERRNO | 0);
    load(offsetof(seccomp_data, nr));
  }

  // Processes stay dumpable: else their figures in /proc are root's and init could not count what
  // they write. Success without doing it, since gpg-agent and ssh-agent ask for it, and there is
  // nobody inside from whom it would keep a secret: what may trace is the same program's own.
  void keep_dumpable() {
    constexpr std::size_t kArguments = offsetof(seccomp_data, args);
    if_equal(SYS_prctl, 0, 6);
    load(kArguments);
    if_equal(PR_SET_DUMPABLE, 0, 3);
    load(kArguments + sizeof(std::uint64_t));
    if_equal(0, 0, 1);
    answer(SECCOMP_RET_ERRNO | 0);
    load(offsetof(seccomp_data, nr));
  }

  BpfProgram program_;
};

Error no_danger_here(const SyscallRule& rule) {
  return input_error(ErrorCode::kHostCannotEnforce, rule.rule.empty() ? "syscalls" : rule.rule,
                     rule.text,
                     "in the tier landlock nothing but the filter keeps this call from the host",
                     "Use a host with user namespaces, or a profile without this rule");
}

Error too_long() {
  return input_error(
      ErrorCode::kInvalidConfiguration, "syscalls", "",
      "the rules do not fit into a filter of " + std::to_string(BPF_MAXINSNS) + " instructions",
      "Use fewer conditions; name whole groups and calls");
}

Result<std::string> compile_for_tasks(TaskWrites writes, bool asks_init) {
  Context context(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release);
  if (context == nullptr) return fail(system_error("libseccomp: init", ENOMEM));
  TRY(set_attributes(context, SCMP_ACT_KILL_PROCESS));
  for (const TaskCall& call : task_calls(writes)) {
    const bool asked = asks_init && call.by == TaskCall::By::kInitAmongOthers;
    TRY(add_rule(context, asked ? SCMP_ACT_NOTIFY : SCMP_ACT_ALLOW, {call.name, call.rules}));
  }
  if (asks_init) TRY(allow(context, task_call_that_sends_listener()));
  for (const DeniedCall& call : calls_absent_for_tasks()) {
    TRY(add_rule(context, action(call.answer), {call.name, {}}));
  }
  return export_program(context);
}

}  // namespace

Result<std::vector<FilterProgram>> compile_task_filters(TaskWrites writes, Namespaces namespaces) {
  const bool asks_init = writes == TaskWrites::kFiles && namespaces == Namespaces::kHosts;
  std::vector<FilterProgram> filters;
  filters.push_back(
      {TRY_TO("compile the filter of tasks", compile_for_tasks(writes, asks_init)), asks_init});
  return filters;
}

int newest_known_call() {
  static const int newest = [] {
    int highest = 0;
    for (const SyscallGroup& group : allowed_groups()) {
      for (const AllowedCall& call : group.calls) {
        highest = std::max(highest, seccomp_syscall_resolve_name(call.name));
      }
    }
    for (const DeniedCall& call : unreported_calls()) {
      highest = std::max(highest, seccomp_syscall_resolve_name(call.name));
    }
    return highest;
  }();
  return newest;
}

Result<std::vector<FilterProgram>> compile_filters(const SyscallPolicy& policy,
                                                   const FilterOptions& options) {
  TRY(check_syscalls(policy));
  if (options.namespaces == Namespaces::kHosts && !policy.danger_allow.empty()) {
    return fail(no_danger_here(policy.danger_allow.front()));
  }
  const bool supervised = options.supervision == Supervision::kInit;
  const std::uint32_t refusal = supervised ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | EPERM;
  std::string allowlist = compile_gate(policy, refusal, options.namespaces).bytes();
  allowlist += TRY_TO("compile the allowlist", compile_allowlist(policy, options));
  std::vector<FilterProgram> filters;
  filters.push_back({Tail().compile(policy, options).bytes(), false});
  filters.push_back({std::move(allowlist), supervised});
  for (const FilterProgram& filter : filters) {
    if (filter.bytes.size() > kMaxProgram) return fail(too_long());
  }
  return filters;
}

}  // namespace mayfly::sandbox
