#pragma once

#include <string>

#include "sandbox/profile.h"

namespace mayfly::sandbox {

// What holds where no file says anything.
NetworkMode network_of(const Profile& profile);
CacheMode cache_of(const Profile& profile);
ToolchainChoice toolchains_of(const Profile& profile);

// What a merged profile says of itself, or null: what its base says may not be true of it.
const std::string* own_description(const Profile& profile);

// `profile` with each setting that nobody made as it is then; their places are "built in". Lists,
// and what has no value of its own (description, identity), stay as they are.
Profile with_defaults(Profile profile);

}  // namespace mayfly::sandbox
