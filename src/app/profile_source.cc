#include "app/profile_source.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "sandbox/narrowed_profile.h"
#include "sandbox/profile_format.h"
#include "sandbox/workspace.h"

namespace mayfly::app {
namespace {

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), ::free);
  return real ? std::string(real.get()) : path;
}

// A sandbox could change its own rules there, for the next call.
Status check_outside(const std::string& file, const std::vector<std::string>& workspaces) {
  for (const std::string& workspace : workspaces) {
    if (!sandbox::is_within(file, real_path(workspace))) continue;
    return fail(input_error(ErrorCode::kPathRefused, "profile", file,
                            "lies in the workspace " + workspace + ", where an agent can write it",
                            "Keep it in ~/.config/mayfly/profiles; a workspace's own file is "
                            ".mayfly/profile.toml, and only narrows"));
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

Result<tools::ProfileSet> ProfileSource::load(std::vector<settings::FileMark>& marks) const {
  tools::ProfileSet set;
  std::vector<sandbox::Profile> narrowers;
  for (const std::string& workspace : host_.workspaces) {
    if (projects_ == Projects::kIgnore) break;
    auto project = TRY(sandbox::load_project_profile(real_path(workspace), marks));
    if (project) narrowers.push_back(*std::move(project));
  }
  for (const std::string& name : names_) {
    sandbox::LoadedProfile loaded = TRY(store_.load(name, &marks));
    for (const std::string& path : loaded.real_paths) {
      TRY(check_outside(path, host_.workspaces));
    }
    TRY(merge_options(loaded.profile, options_));
    const bool twice = std::any_of(set.profiles.begin(), set.profiles.end(), [&](const auto& each) {
      return each.profile.name == loaded.profile.name;
    });
    if (!twice) set.profiles.push_back({std::move(loaded.profile), narrowers});
  }
  set.marks = marks;
  return set;
}

Result<sandbox::Policy> ProfileSource::resolve(const tools::OfferedProfile& offered) const {
  return sandbox::resolve_narrowed(offered.profile, offered.narrowers, host_);
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
