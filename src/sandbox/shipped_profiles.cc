#include "sandbox/shipped_profiles.h"

#include "sandbox/profile_store.h"

namespace mayfly::sandbox {

std::vector<std::string> shipped_profiles() {
  std::vector<std::string> names;
  for (const auto& [name, text] : shipped_profile_texts()) names.emplace_back(name);
  return names;
}

Result<Profile> find_profile(const std::string& name) {
  return TRY(ProfileStore({}).load(name)).profile;
}

}  // namespace mayfly::sandbox
