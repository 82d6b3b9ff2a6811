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
  if (set_.refusal) return fail(*set_.refusal);
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
  if (when == When::kIfChanged && !retry_ && stays(marks_)) return;
  retry_ = false;
  // Marks are taken before their files are read: a change in between is seen by the next call.
  marks_.clear();
  auto loaded = load_(marks_);
  if (!loaded) return keep_old(describe(loaded.error()), when);
  std::string refusal = loaded->refusal ? describe(*loaded->refusal) : "";
  auto resolved = resolve_all(*loaded, refusal);
  if (!resolved) {
    // It may be the host that is at fault, such as a workspace that is away for now.
    retry_ = true;
    return keep_old(describe(resolved.error()), when);
  }
  take(*std::move(loaded), *std::move(resolved), std::move(refusal));
}

void OfferedProfiles::keep_old(std::string why, When when) {
  const bool known = std::exchange(trouble_, why) == why;
  if (known && when == When::kIfChanged) return;
  log_("configuration changed and is not taken, what held before stays in force: " + why);
  if (not_taken_) not_taken_(why);
}

void OfferedProfiles::take(ProfileSet set, Resolved resolved, std::string refusal) {
  set_ = std::move(set);
  resolved_ = std::move(resolved);
  since_ = std::chrono::system_clock::now();
  trouble_.clear();
  refusal_ = std::move(refusal);
  log_(refusal_.empty()
           ? "configuration was read again, profiles: " + text::join(names_of(set_), ", ")
           : "calls are refused: " + refusal_);
  if (!taken_) return;
  std::vector<std::shared_ptr<const sandbox::Policy>> policies;
  for (const OfferedProfile& each : set_.profiles) {
    const auto found = resolved_.find(each.profile.name);
    if (found != resolved_.end()) policies.push_back(found->second);
  }
  taken_(policies);
}

Result<OfferedProfiles::Resolved> OfferedProfiles::resolve_all(const ProfileSet& set,
                                                               std::string& refusal) const {
  Resolved resolved;
  if (set.refusal) return resolved;
  for (const OfferedProfile& each : set.profiles) {
    auto policy = resolve_(each);
    if (policy) {
      resolved[each.profile.name] = std::make_shared<const sandbox::Policy>(*std::move(policy));
    } else if (policy.error().code == ErrorCode::kWideningRefused) {
      refusal = describe(policy.error());
    } else {
      return fail(std::move(policy).error());
    }
  }
  return resolved;
}

OfferedProfiles::State OfferedProfiles::state() const {
  const std::lock_guard lock(mutex_);
  State out{since_, {}, trouble_, refusal_};
  for (const settings::FileMark& mark : marks_) {
    if (std::find(out.files.begin(), out.files.end(), mark.path) == out.files.end()) {
      out.files.push_back(mark.path);
    }
  }
  return out;
}

std::string OfferedProfiles::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace mayfly::tools
