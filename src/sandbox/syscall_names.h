#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What this platform knows of Linux's system calls by name: all of it on Linux, nothing elsewhere.
// Behind it are the tables that syscall_groups() and its like read too.
namespace mayfly::sandbox {

// Whether the functions below and the tables know anything at all.
bool has_syscall_names();

// A call that some architecture of Linux has.
bool is_call_name(std::string_view name);
// Slow: for suggestions.
std::vector<std::string> call_names();

// "AF_INET", "CLONE_NEWNET".
std::optional<std::uint64_t> constant_value(std::string_view name);
std::vector<std::string> constant_names();

bool is_in_group(std::string_view group, std::string_view call);
// Whether the tables allow the call under some arguments only.
bool has_conditions_in_tables(std::string_view call);

}  // namespace mayfly::sandbox
