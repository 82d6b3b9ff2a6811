#include "sandbox/syscall_names.h"

#include <seccomp.h>

#include <algorithm>
#include <cstdlib>
#include <map>
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

// What the tables say of a call. A policy asks this for every call of theirs.
struct Entry {
  std::vector<std::string_view> groups;
  bool whole = false;  // under whatever arguments
};

const std::map<std::string_view, Entry>& entries() {
  static const auto all = [] {
    std::map<std::string_view, Entry> made;
    const auto add = [&made](const char* call, const SyscallGroup& group, bool whole) {
      Entry& entry = made[call];
      const bool known = !entry.groups.empty() && entry.groups.back() == group.name;
      if (!known) entry.groups.emplace_back(group.name);
      entry.whole = entry.whole || whole;
    };
    for (const SyscallGroup& group : allowed_groups()) {
      for (const AllowedCall& call : group.calls) add(call.name, group, call.rules.empty());
      for (const char* call : group.supervised) add(call, group, true);
    }
    return made;
  }();
  return all;
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

std::vector<std::string> calls_of_group(std::string_view group) {
  std::vector<std::string> calls;
  for (const auto& [call, entry] : entries()) {
    if (is_in_group(group, call)) calls.emplace_back(call);
  }
  return calls;
}

bool is_in_group(std::string_view group, std::string_view call) {
  const auto found = entries().find(call);
  if (found == entries().end()) return false;
  const auto& groups = found->second.groups;
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool is_in_tables(std::string_view call) { return entries().count(call) != 0; }

bool has_conditions_in_tables(std::string_view call) {
  const auto found = entries().find(call);
  return found != entries().end() && !found->second.whole;
}

}  // namespace mayfly::sandbox
