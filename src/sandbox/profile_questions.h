#pragma once

#include <string>

#include "base/result.h"
#include "sandbox/policy.h"
#include "sandbox/profile.h"

// "May a command …?", each answered by the rule that decides it.
namespace mayfly::sandbox {

struct PolicyAnswer {
  std::string subject;  // "/usr/bin/ls"
  bool permitted = false;
  std::string verdict;  // "read-only"
  std::string reason;   // `filesystem.read "/usr"`
  std::string place;    // "default (shipped):14:3"; empty if no rule decides
};
// "/usr/bin/ls: read-only: filesystem.read "/usr" (default (shipped):14:3)".
std::string to_string(const PolicyAnswer& answer);

// `path` is absolute, or relative to the first workspace, or starts with ${workspace}, ${home},
// ${tmp} or ~ (the home of the call). Permitted if a command can read what is there; what a call
// only has a private place for is not the host's, and refused. `profile` is what `policy` was
// resolved from. E1001 if it can be no path.
Result<PolicyAnswer> about_path(const Policy& policy, const Profile& profile,
                                const std::string& path);
// "example.org", "https://example.org:8443", "10.0.0.1:80". E1001 if it is no destination.
// `mode_at` is where the profile says its network.mode.
Result<PolicyAnswer> about_host(const Policy& policy, const settings::Location& mode_at,
                                const std::string& host);
// The name of a call. E1001 with the nearest name.
Result<PolicyAnswer> about_syscall(const Policy& policy, const std::string& call);

}  // namespace mayfly::sandbox
