#include "sandbox/syscall_names.h"
#include "sandbox/syscall_policy.h"

// Other platforms have other system calls: rules about Linux's are kept as they were written.
namespace mayfly::sandbox {

bool has_syscall_names() { return false; }
bool is_call_name(std::string_view) { return false; }
std::vector<std::string> call_names() { return {}; }
std::optional<std::uint64_t> constant_value(std::string_view) { return std::nullopt; }
std::vector<std::string> constant_names() { return {}; }
std::vector<std::string> syscall_groups() { return {}; }
std::vector<std::string> calls_of_group(std::string_view) { return {}; }
bool is_in_group(std::string_view, std::string_view) { return false; }
bool is_in_tables(std::string_view) { return false; }
bool has_conditions_in_tables(std::string_view) { return false; }

}  // namespace mayfly::sandbox
