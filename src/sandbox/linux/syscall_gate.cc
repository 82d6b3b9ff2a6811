#include "sandbox/linux/syscall_gate.h"

#include <seccomp.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "sandbox/linux/argument_conditions.h"
#include "sandbox/linux/syscall_rules.h"

namespace mayfly::sandbox {
namespace {

using Names = std::set<std::string, std::less<>>;

void add_calls(const std::vector<SyscallRule>& rules, bool with_groups, Names& names) {
  for (const SyscallRule& rule : rules) {
    if (!rule.call.empty()) names.insert(rule.call);
    if (rule.group.empty() || !with_groups) continue;
    for (std::string& call : calls_of_group(rule.group)) names.insert(std::move(call));
  }
}

// Init does these for the program, or lets them go on.
Names performed_calls(Namespaces namespaces) {
  Names names;
  for (const char* call : supervised_calls()) names.insert(call);
  if (namespaces == Namespaces::kOwn) return names;
  for (const NarrowedCall& call : narrowed_calls()) names.insert(call.name);
  return names;
}

class Compiler {
 public:
  enum class Purpose { kFilter, kQuestion };
  Compiler(const SyscallPolicy& policy, Purpose purpose, std::uint32_t refusal,
           Namespaces namespaces)
      : policy_(policy),
        purpose_(purpose),
        refusal_(refusal),
        performed_(performed_calls(namespaces)) {}

  BpfProgram compile() const {
    BpfProgram blocks;
    for (const std::string& call : calls()) {
      const int number = seccomp_syscall_resolve_name(call.c_str());
      if (number < 0) continue;
      const BpfProgram body = block(call);
      if (!body.empty()) blocks.only_if_equal(static_cast<std::uint32_t>(number), body);
    }
    if (blocks.empty()) return blocks;
    BpfProgram program;
    program.load(offsetof(seccomp_data, arch));
    program.if_equal(seccomp_arch_native(), 1, 0);
    // Where somebody hears of what is refused, these calls too (foreign_call.h).
    const bool heard = purpose_ == Purpose::kFilter && refusal_ == SECCOMP_RET_USER_NOTIF;
    program.answer(heard ? refusal_ : SECCOMP_RET_KILL_PROCESS);
    program.load_number();
    program.append(blocks);
    return program;
  }

 private:
  Names calls() const {
    Names names = performed_;
    add_calls(policy_.allow, false, names);
    add_calls(policy_.deny, purpose_ == Purpose::kQuestion, names);
    add_calls(policy_.danger_allow, true, names);
    if (purpose_ == Purpose::kFilter) return names;
    for (const std::string& group : syscall_groups()) {
      for (std::string& call : calls_of_group(group)) names.insert(std::move(call));
    }
    return names;
  }

  BpfProgram answer(std::uint32_t action) const {
    BpfProgram out;
    out.answer(action);
    return out;
  }
  // The answer to what `rule` refuses; null: no rule allows it.
  BpfProgram refuse(const SyscallRule* rule) const {
    if (purpose_ == Purpose::kFilter) return answer(refusal_);
    return answer(SECCOMP_RET_ERRNO | number_of(rule));
  }
  std::uint16_t number_of(const SyscallRule* rule) const {
    std::uint16_t number = 0;
    for (const auto* list : {&policy_.deny, &policy_.allow}) {
      for (const SyscallRule& each : *list) {
        ++number;
        if (&each == rule) return number;
      }
    }
    return kNotAllowed;
  }

  BpfProgram block(const std::string& call) const {
    const SyscallRulesOf rules = rules_about(policy_, call);
    // Of what has no row, the filter need not say anything.
    const bool says_no = purpose_ == Purpose::kQuestion || performed_.count(call) != 0;
    BpfProgram out;
    if (rules.deny.flat != nullptr) {
      if (says_no) out = refuse(rules.deny.flat);
      return out;
    }
    for (const SyscallRule* rule : rules.deny.conditional) {
      out.append(if_arguments(call, rule->when, Reading::kWide, refuse(rule)));
    }
    if (rules.danger_allow.flat != nullptr) {
      out.append(answer(SECCOMP_RET_ALLOW));
      return out;
    }
    for (const SyscallRule* rule : rules.danger_allow.conditional) {
      out.append(if_arguments(call, rule->when, Reading::kStrict, answer(SECCOMP_RET_ALLOW)));
    }
    if (is_essential(call) || rules.allow.flat != nullptr) return closed(out);
    if (rules.allow.none()) {
      if (says_no && is_in_tables(call)) out.append(refuse(nullptr));
      return closed(out);
    }
    out.append(unless_one_holds(call, rules.allow.conditional));
    return closed(out);
  }

  // A jump to behind the refusal as soon as an alternative holds: each jumps over those after it.
  BpfProgram unless_one_holds(const std::string& call,
                              const std::vector<const SyscallRule*>& alternatives) const {
    BpfProgram out = refuse(alternatives.front());
    for (auto rule = alternatives.rbegin(); rule != alternatives.rend(); ++rule) {
      BpfProgram holds;
      holds.pass_over(out);
      BpfProgram test = if_arguments(call, (*rule)->when, Reading::kStrict, holds);
      test.append(out);
      out = std::move(test);
    }
    return out;
  }

  // Blocks after this one compare the number again.
  static BpfProgram closed(BpfProgram block) {
    if (!block.empty()) block.load_number();
    return block;
  }

  const SyscallPolicy& policy_;
  const Purpose purpose_;
  const std::uint32_t refusal_;
  const Names performed_;
};

}  // namespace

BpfProgram compile_gate(const SyscallPolicy& policy, std::uint32_t refusal, Namespaces namespaces) {
  return Compiler(policy, Compiler::Purpose::kFilter, refusal, namespaces).compile();
}

Result<std::string> compile_refusals(const SyscallPolicy& policy) {
  TRY(check_syscalls(policy));
  BpfProgram program =
      Compiler(policy, Compiler::Purpose::kQuestion, 0, Namespaces::kHosts).compile();
  program.answer(SECCOMP_RET_ALLOW);
  return program.bytes();
}

std::optional<std::uint16_t> refused_by(std::string_view refusals, const seccomp_data& call) {
  const std::uint32_t answer = run_bpf(refusals, call);
  if (answer == SECCOMP_RET_ALLOW) return std::nullopt;
  if ((answer & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO) return kNotAllowed;
  return static_cast<std::uint16_t>(answer & SECCOMP_RET_DATA);
}

}  // namespace mayfly::sandbox
