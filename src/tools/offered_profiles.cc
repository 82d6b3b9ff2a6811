#include "tools/offered_profiles.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace mayfly::tools {
namespace {

bool stays(const std::vector<settings::FileMark>& marks) {
  return std::all_of(marks.begin(), marks.end(), [](const settings::FileMark& mark) {
    return settings::mark_of(mark.path) == mark;
  });
}

std::vector<std::string> names_of(const ProfileSet& set) {
  std::vector<std::string> names;
  for (const OfferedProfile& each : set.profiles) names.push_back(each.profile.name);
  return names;
}

}  // namespace

std::vector<std::string> OfferedProfiles::names() const {
  const std::lock_guard lock(mutex_);
  return names_of(set_);
}

Result<std::shared_ptr<const sandbox::Policy>> OfferedProfiles::policy(const std::string& name) {
  const std::lock_guard lock(mutex_);
  refresh_locked(When::kIfChanged);
  const auto found = std::find_if(
      set_.profiles.begin(), set_.profiles.end(),
      [&](const OfferedProfile& each) { return name.empty() || each.profile.name == name; });
  if (found == set_.profiles.end()) {
    return fail(input_error(ErrorCode::kUnknownProfile, "profile", name,
                            "this server does not offer such a profile",
                            "choose one of: " + text::join(names_of(set_), ", ")));
  }
  auto& kept = resolved_[found->profile.name];
  // A workspace that was deleted and made again is served as the new one.
  if (!kept || !sandbox::check_workspaces(*kept)) {
    kept = std::make_shared<const sandbox::Policy>(TRY(resolve_(*found)));
  }
  return kept;
}

void OfferedProfiles::refresh(When when) {
  const std::lock_guard lock(mutex_);
  refresh_locked(when);
}

void OfferedProfiles::refresh_locked(When when) {
  if (when == When::kIfChanged && stays(marks_)) return;
  // Marks are taken before their files are read: a change in between is seen by the next call.
  marks_.clear();
  auto loaded = load_(marks_);
  Resolved resolved;
  Status good = loaded ? resolve_all(loaded->profiles, resolved) : fail(loaded.error());
  if (!good) {
    trouble_ = describe(good.error());
    return log_("profiles changed and are not taken, those of before stay in force: " + trouble_);
  }
  set_ = *std::move(loaded);
  resolved_ = std::move(resolved);
  trouble_.clear();
  log_("profiles were read again: " + text::join(names_of(set_), ", "));
}

Status OfferedProfiles::resolve_all(const std::vector<OfferedProfile>& profiles,
                                    Resolved& resolved) const {
  for (const OfferedProfile& each : profiles) {
    resolved[each.profile.name] = std::make_shared<const sandbox::Policy>(TRY(resolve_(each)));
  }
  return {};
}

std::string OfferedProfiles::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace mayfly::tools
