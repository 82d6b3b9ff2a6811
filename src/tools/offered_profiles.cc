#include "tools/offered_profiles.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace mayfly::tools {

std::vector<std::string> OfferedProfiles::names() const {
  std::vector<std::string> names;
  for (const sandbox::Profile& profile : profiles_) names.push_back(profile.name);
  return names;
}

Result<std::shared_ptr<const sandbox::Policy>> OfferedProfiles::policy(const std::string& name) {
  const auto profile =
      std::find_if(profiles_.begin(), profiles_.end(),
                   [&](const sandbox::Profile& each) { return name.empty() || each.name == name; });
  if (profile == profiles_.end()) {
    return fail(input_error(ErrorCode::kUnknownProfile, "profile", name,
                            "this server does not offer such a profile",
                            "choose one of: " + text::join(names(), ", ")));
  }
  const std::lock_guard lock(mutex_);
  auto& kept = resolved_[profile->name];
  // A workspace that was deleted and made again is served as the new one.
  if (!kept || !sandbox::check_workspaces(*kept)) {
    kept = std::make_shared<const sandbox::Policy>(TRY(resolve_(*profile)));
  }
  return kept;
}

}  // namespace mayfly::tools
