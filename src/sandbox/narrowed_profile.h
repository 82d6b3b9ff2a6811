#pragma once

#include <vector>

#include "base/result.h"
#include "sandbox/policy.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// `profile` with what somebody else says on top, who may only narrow it: the project of a
// workspace, or the caller of one command. Of two limits the lower one holds; everything else is
// merged, and judged once it is resolved.
Result<Profile> narrowed(const Profile& profile, const Profile& narrower);

// Resolves `profile` with `narrowers` on top, one after the other. E2003 with the place of each
// value that would widen what `profile` alone comes to.
Result<Policy> resolve_narrowed(const Profile& profile, const std::vector<Profile>& narrowers,
                                const Host& host);

}  // namespace mayfly::sandbox
