#include "sandbox/syscall_names.h"

#include <seccomp.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>

#include "sandbox/linux/syscall_rules.h"
#include "sandbox/syscall_policy.h"

namespace mayfly::sandbox {
namespace {

// Above every number that an architecture has.
constexpr int kMaxNumber = 1024;
constexpr std::uint32_t kArchitectures[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86,     SCMP_ARCH_AARCH64,
                                            SCMP_ARCH_ARM,    SCMP_ARCH_PPC64LE, SCMP_ARCH_S390X,
                                            SCMP_ARCH_RISCV64};

const SyscallGroup* find_group(std::string_view name) {
  for (const SyscallGroup& group : allowed_groups()) {
    if (group.name == name) return &group;
  }
  return nullptr;
}

template <typename Names>
bool has(const Names& names, std::string_view call) {
  return std::any_of(names.begin(), names.end(), [call](const char* name) { return name == call; });
}

bool group_has(const SyscallGroup& group, std::string_view call) {
  return has(group.supervised, call) ||
         std::any_of(group.calls.begin(), group.calls.end(),
                     [call](const AllowedCall& each) { return each.name == call; });
}

}  // namespace

bool has_syscall_names() { return true; }

// The library knows names of other architectures too; a call that this one lacks has a number below
// -1. What is in the tables is known even to one that is older than the call.
bool is_call_name(std::string_view name) {
  if (is_in_tables(name)) return true;
  const auto& absent = unreported_calls();
  if (std::any_of(absent.begin(), absent.end(),
                  [name](const DeniedCall& call) { return call.name == name; })) {
    return true;
  }
  return seccomp_syscall_resolve_name(std::string(name).c_str()) != __NR_SCMP_ERROR;
}

std::vector<std::string> call_names() {
  std::set<std::string> names;
  for (const std::uint32_t architecture : kArchitectures) {
    for (int number = 0; number < kMaxNumber; ++number) {
      const std::unique_ptr<char, void (*)(void*)> name(
          seccomp_syscall_resolve_num_arch(architecture, number), std::free);
      if (name != nullptr) names.insert(name.get());
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> syscall_groups() {
  std::vector<std::string> names;
  for (const SyscallGroup& group : allowed_groups()) names.emplace_back(group.name);
  return names;
}

std::vector<std::string> calls_of_group(std::string_view name) {
  std::set<std::string> calls;
  if (const SyscallGroup* group = find_group(name)) {
    for (const AllowedCall& call : group->calls) calls.insert(call.name);
    for (const char* call : group->supervised) calls.insert(call);
  }
  return {calls.begin(), calls.end()};
}

bool is_in_group(std::string_view name, std::string_view call) {
  const SyscallGroup* group = find_group(name);
  return group != nullptr && group_has(*group, call);
}

bool is_in_tables(std::string_view call) {
  const auto& groups = allowed_groups();
  return std::any_of(groups.begin(), groups.end(),
                     [call](const SyscallGroup& group) { return group_has(group, call); });
}

bool has_conditions_in_tables(std::string_view call) {
  for (const SyscallGroup& group : allowed_groups()) {
    for (const AllowedCall& each : group.calls) {
      if (each.name == call && each.rules.empty()) return false;
    }
  }
  return !has(supervised_calls(), call);
}

}  // namespace mayfly::sandbox
