#pragma once

#include <vector>

#include "base/result.h"
#include "sandbox/narrowing.h"
#include "sandbox/policy.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// `profile` with what somebody else says on top, who may only narrow it: the project of a
// workspace, or the caller of one command. Of two limits the lower one holds; everything else is
// merged, and judged once it is resolved.
Result<Profile> narrowed(const Profile& profile, const Profile& narrower);

// Resolves `profile` with `narrowers` on top, one after the other. E2003, a line each, with the
// place of each value that would widen what stands before it.
Result<Policy> resolve_narrowed(const Profile& profile, const std::vector<Profile>& narrowers,
                                const Host& host);

// E2003 with a line for each of `found`, of which there is at least one: what was asked for goes
// past `profile`.
Error widening_error(const std::vector<Widening>& found, const std::string& profile);

}  // namespace mayfly::sandbox
