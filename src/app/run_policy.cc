#include "app/run_policy.h"

#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "app/profile_source.h"
#include "base/text.h"
#include "sandbox/narrowed_profile.h"
#include "sandbox/path_rules.h"
#include "tools/command_request.h"

namespace mayfly::app {
namespace {

using sandbox::Policy;
using tools::OfferedProfile;

Error not_visible(const std::string& field, const std::string& path, const Policy& policy) {
  return input_error(ErrorCode::kWideningRefused, field, path,
                     "is not visible under profile " + policy.profile,
                     "Take it out: a request can only narrow");
}

bool is_covered(const Policy& policy, const std::string& path) {
  const auto hides = [&](const std::string& rule) {
    for (std::filesystem::path at = path; at.has_relative_path(); at = at.parent_path()) {
      if (rule == at.string() || sandbox::matches(rule, at.string())) return true;
    }
    return false;
  };
  return std::any_of(policy.covers.begin(), policy.covers.end(),
                     [&](const auto& cover) { return hides(cover.path); }) ||
         std::any_of(policy.tmpfs.begin(), policy.tmpfs.end(),
                     [&](const auto& rule) { return hides(rule.destination); });
}

// Read-only is what is seen already, and is there: a rule about an absent path would hold for
// nothing. Whether something is there is told only of what can be seen.
Status check_read_only(const Policy& policy, const std::string& field, const std::string& path) {
  const sandbox::MountRule* nearest = nullptr;
  for (const sandbox::MountRule& mount : policy.mounts) {
    const bool nearer =
        nearest == nullptr || mount.destination.size() > nearest->destination.size();
    if (nearer && sandbox::is_within(path, mount.destination)) nearest = &mount;
  }
  if (nearest == nullptr || is_covered(policy, path)) {
    return fail(not_visible(field, path, policy));
  }
  const auto refuse = [&](const char* why, const char* remedy) {
    return fail(input_error(ErrorCode::kInvalidArgument, field, path, why, remedy));
  };
  if (nearest->source != nearest->destination) {
    return refuse("is seen from another place", "only what has its own path can be narrowed");
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return refuse("is not there", "check the spelling");
  std::error_code error;
  if (std::filesystem::canonical(path, error).string() != path) {
    return refuse("leads over a symbolic link", "name it by its real path");
  }
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    return refuse("is no file and no directory", "name the directory that it is in");
  }
  return {};
}

Status check_read_only(const Policy& policy, const sandbox::Profile& filesystem) {
  constexpr std::string_view kWorkspace = "${workspace}";
  for (const auto& rule : filesystem.paths) {
    const std::string& path = rule.value.path;
    if (rule.value.access != sandbox::PathAccess::kRead) continue;
    if (!path.starts_with(kWorkspace)) {
      TRY(check_read_only(policy, to_string(rule.at), path));
      continue;
    }
    for (const sandbox::Workspace& workspace : policy.workspaces) {
      TRY(check_read_only(policy, to_string(rule.at),
                          workspace.path + path.substr(kWorkspace.size())));
    }
  }
  return {};
}

Result<Policy> with_request(const ProfileSource& source, OfferedProfile chosen,
                            const RunRequest& request) {
  Policy policy = TRY(source.resolve(chosen));
  TRY(check_read_only(policy, request.filesystem));
  chosen.narrowers.push_back(request.filesystem);
  auto narrowed = source.resolve(chosen);
  if (narrowed) return narrowed;
  Error error = std::move(narrowed.error());
  // The profile alone was fine: what contradicts it is the request's.
  if (error.code == ErrorCode::kInvalidConfiguration) error.code = ErrorCode::kWideningRefused;
  return fail(std::move(error));
}

// Nobody named it, so it must be no wider than what would be used without it.
Status check_no_wider(const ProfileSource& source, const OfferedProfile& chosen,
                      const OfferedProfile& usual) {
  const Policy inner = TRY(source.resolve(chosen));
  const Policy outer = TRY(source.resolve(usual));
  const auto found = sandbox::widenings(inner, outer);
  if (found.empty()) return {};
  Error error = sandbox::widening_error(found, usual.profile.name);
  error.field = "profile";
  error.value = chosen.profile.name;
  error.remedy =
      "The operator offers it with mayfly run --profile " + usual.profile.name + "," + error.value;
  return fail(std::move(error));
}

}  // namespace

Result<Policy> run_policy(const PolicyOptions& options, const sandbox::Host& host,
                          const RunRequest* request) {
  PolicyOptions offered = options;
  const std::string wanted = request != nullptr ? request->profile : "";
  const std::string usual = profile_names(options).front();
  const bool unnamed = options.profiles.empty() && !wanted.empty() && wanted != usual;
  if (unnamed) offered.profiles = usual + "," + wanted;
  const ProfileSource source = TRY(profile_source(offered, host));
  std::vector<settings::FileMark> marks;
  const tools::ProfileSet set = TRY(source.load(marks));

  const auto chosen = std::find_if(
      set.profiles.begin(), set.profiles.end(),
      [&](const OfferedProfile& each) { return wanted.empty() || each.profile.name == wanted; });
  if (chosen == set.profiles.end()) {
    std::vector<std::string> names;
    for (const OfferedProfile& each : set.profiles) names.push_back(each.profile.name);
    return fail(input_error(ErrorCode::kUnknownProfile, "profile", wanted,
                            "is not among those that the operator offers",
                            "choose one of: " + text::join(names, ", ")));
  }
  if (unnamed) TRY(check_no_wider(source, *chosen, set.profiles.front()));
  return request != nullptr ? with_request(source, *chosen, *request) : source.resolve(*chosen);
}

Result<sandbox::Limits> run_limits(const Policy& policy, const RunRequest& request) {
  sandbox::Limits limits = policy.limits;
  if (request.limits.is_object()) TRY(tools::lower_limits(request.limits, limits));
  if (!request.timeout) return limits;
  if (*request.timeout > limits.wall) {
    return fail(input_error(ErrorCode::kWideningRefused, "timeout_ms",
                            std::to_string(request.timeout->count()),
                            "is above the ceiling of " + std::to_string(limits.wall.count()),
                            "the operator raises it with mayfly run --timeout-ms"));
  }
  limits.wall = *request.timeout;
  return limits;
}

}  // namespace mayfly::app
