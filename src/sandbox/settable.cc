#include "sandbox/settable.h"

#include <algorithm>

namespace mayfly::sandbox {

Status check_settable(const Policy& policy, const Command& command) {
  const auto& patterns = policy.settable_variables;
  for (const auto& [name, value] : command.environment) {
    const bool settable =
        std::any_of(patterns.begin(), patterns.end(),
                    [&n = name](const std::string& each) { return names_variable(each, n); });
    if (settable) continue;
    return fail(input_error(ErrorCode::kWideningRefused, "environment", name,
                            "is no variable that a call may set under profile " + policy.profile,
                            "Leave it out; the operator adds it to environment.settable"));
  }
  return {};
}

}  // namespace mayfly::sandbox
