#include "app/profile_source.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/sys.h"
#include "sandbox/narrowed_profile.h"
#include "sandbox/profile_format.h"
#include "sandbox/workspace.h"

namespace mayfly::app {
namespace {

std::string real_path(const std::string& path) { return sys::realpath(path).value_or(path); }

constexpr const char* kKeepOutside =
    "Keep it in ~/.config/mayfly/profiles; a workspace's own file is .mayfly/profile.toml, and "
    "only narrows";

// What a rule of the profile lets write holds no file of the profile, for the same reason.
Status check_not_writable(const sandbox::Policy& policy, const std::vector<std::string>& files) {
  for (const sandbox::MountRule& mount : policy.mounts) {
    if (mount.access != sandbox::Access::kWrite) continue;
    for (const std::string& file : files) {
      TRY(check_outside("profile", file, {mount.source}, kKeepOutside));
    }
  }
  return {};
}

// A timeout below the profile's holds for jobs too; one above it raises theirs if need be.
Status merge_options(sandbox::Profile& profile, sandbox::Profile options) {
  const sandbox::Limits before = sandbox::limits_of(profile);
  auto& limits = options.limits;
  if (limits.wall && !limits.job_wall) {
    const milliseconds wall = limits.wall->value;
    limits.job_wall = limits.wall;
    limits.job_wall->value =
        wall < before.wall ? std::min(before.job_wall, wall) : std::max(before.job_wall, wall);
  }
  settings::Diagnostics diagnostics;
  sandbox::merge_profile(profile, options, diagnostics);
  if (diagnostics.failed()) return fail(diagnostics.to_error());
  return {};
}

}  // namespace

Status check_outside(std::string_view what, const std::string& file,
                     const std::vector<std::string>& workspaces, std::string_view remedy) {
  for (const std::string& workspace : workspaces) {
    if (!sandbox::is_within(file, real_path(workspace))) continue;
    return fail(input_error(ErrorCode::kPathRefused, what, file,
                            "lies in the workspace " + workspace + ", where an agent can write it",
                            remedy));
  }
  return {};
}

Result<tools::ProfileSet> ProfileSource::load(std::vector<settings::FileMark>& marks) const {
  tools::ProfileSet set = TRY(load_or_refuse(marks));
  if (set.refusal) return fail(*std::move(set.refusal));
  return set;
}

Result<tools::ProfileSet> ProfileSource::load_or_refuse(
    std::vector<settings::FileMark>& marks) const {
  tools::ProfileSet set;
  std::vector<sandbox::Profile> narrowers;
  for (const std::string& workspace : host_.workspaces) {
    if (projects_ == Projects::kIgnore) break;
    // Of one that is not there, resolving says so.
    if (!sandbox::open_workspace(workspace, host_.user)) continue;
    auto project = sandbox::load_project_profile(real_path(workspace), marks);
    if (!project) {
      set.refusal = std::move(project).error();
    } else if (project->has_value()) {
      narrowers.push_back(**std::move(project));
    }
  }
  for (const std::string& name : names_) {
    sandbox::LoadedProfile loaded = TRY(store_.load(name, &marks));
    for (const std::string& path : loaded.real_paths) {
      TRY(check_outside("profile", path, host_.workspaces, kKeepOutside));
    }
    TRY(merge_options(loaded.profile, options_));
    const bool twice = std::any_of(set.profiles.begin(), set.profiles.end(), [&](const auto& each) {
      return each.profile.name == loaded.profile.name;
    });
    if (!twice) {
      set.profiles.push_back({std::move(loaded.profile), narrowers, std::move(loaded.real_paths)});
    }
  }
  set.marks = marks;
  return set;
}

Result<sandbox::Policy> ProfileSource::resolve(const tools::OfferedProfile& offered) const {
  auto policy = TRY(sandbox::resolve_narrowed(offered.profile, offered.narrowers, host_));
  TRY(check_not_writable(policy, offered.files));
  return policy;
}

Result<sandbox::Policy> ProfileSource::preview(const tools::OfferedProfile& offered) const {
  tools::OfferedProfile plain = offered;
  sandbox::Host host = host_;
  const auto without = [](sandbox::Profile& profile) {
    profile.cache.reset();
    profile.toolchains.reset();
  };
  without(plain.profile);
  for (sandbox::Profile& each : plain.narrowers) without(each);
  host.cache_root.clear();
  return sandbox::resolve_narrowed(plain.profile, plain.narrowers, host);
}

Result<ProfileSource> profile_source(const PolicyOptions& options, const sandbox::Host& host) {
  using Projects = ProfileSource::Projects;
  return ProfileSource(profile_names(options), TRY(options_layer(options)), host,
                       options.no_project ? Projects::kIgnore : Projects::kRead);
}

}  // namespace mayfly::app
