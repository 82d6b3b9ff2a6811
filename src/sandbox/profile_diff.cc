#include "sandbox/profile_diff.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <optional>

#include "base/text.h"
#include "sandbox/profile_defaults.h"
#include "sandbox/profile_format.h"

namespace mayfly::sandbox {
namespace {

using settings::Located;
using settings::Shape;
using Parts = std::vector<Located<std::string>>;

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

// How much a setting permits. Absent for what permits nothing, whatever it says.
std::optional<std::uint64_t> width(const std::string& key, const Profile& profile) {
  const Limits limits = limits_of(profile);
  const auto or_unlimited = [](std::uint64_t value) { return value == 0 ? kUnlimited : value; };
  const auto time = [](milliseconds value) { return static_cast<std::uint64_t>(value.count()); };
  const std::map<std::string, std::uint64_t> widths = {
      {"filesystem.workspace", workspace_of(profile) == WorkspaceAccess::kReadWrite ? 1 : 0},
      {"filesystem.toolchains",
       static_cast<std::uint64_t>(toolchains_of(profile).search == ToolchainChoice::Search::kAuto
                                      ? 1000
                                      : toolchains_of(profile).only.size())},
      {"filesystem.cache", cache_of(profile) == CacheMode::kWorkspace ? 1 : 0},
      {"network.mode", static_cast<std::uint64_t>(network_of(profile))},
      {"limits.wall", time(limits.wall)},
      {"limits.job_wall", time(limits.job_wall)},
      {"limits.cpu", or_unlimited(time(limits.cpu))},
      {"limits.cpu_share", or_unlimited(limits.cpu_percent)},
      {"limits.memory", limits.memory_bytes},
      {"limits.processes", limits.processes},
      {"limits.open_files", limits.open_files},
      {"limits.file", limits.file_bytes},
      {"limits.disk", limits.disk_bytes},
      {"limits.io", or_unlimited(limits.io_bytes_per_second)},
      {"limits.tmp", limits.tmp_bytes},
      {"limits.shm", limits.shm_bytes},
      {"limits.output", limits.output_bytes},
      {"limits.watched",
       (watched_of(profile).memory ? 1U : 0U) + (watched_of(profile).cpu_time ? 1U : 0U)},
      {"host.tier", tier_of(profile) == Tier::kLandlock ? 1 : 0},
  };
  const auto found = widths.find(key);
  return found == widths.end() ? std::nullopt : std::optional(found->second);
}

// What one more element of a list does.
enum class Effect { kMore, kLess, kNeither };
Effect effect_of(const std::string& key) {
  static const std::vector<std::string> kLess = {"filesystem.hide",    "filesystem.deny",
                                                 "filesystem.protect", "network.deny",
                                                 "syscalls.deny",      "host.requires"};
  static const std::vector<std::string> kNeither = {"environment.set", "observe.ignore"};
  if (std::find(kLess.begin(), kLess.end(), key) != kLess.end()) return Effect::kLess;
  const bool neither = std::find(kNeither.begin(), kNeither.end(), key) != kNeither.end();
  return neither ? Effect::kNeither : Effect::kMore;
}

Parts without(const Parts& parts, const Parts& others) {
  Parts out;
  for (const auto& part : parts) {
    if (std::find(others.begin(), others.end(), part) == others.end()) out.push_back(part);
  }
  return out;
}

// The names that a call may set, as a list: "*" is all of them.
Parts settable_of(const Profile& profile) {
  if (!profile.environment_settable) return {{"\"*\"", {}}};
  Parts out;
  for (const std::string& name : profile.environment_settable->value) {
    out.push_back({settings::quoted(name), profile.environment_settable->at});
  }
  return out;
}

class Comparer {
 public:
  Comparer(const Profile& before, const Profile& after)
      : before_(before),
        after_(after),
        full_before_(with_defaults(before)),
        full_after_(with_defaults(after)) {}

  ProfileDiff compare() {
    for (const auto& field : profile_format().fields()) {
      const std::string key = field.info.full();
      // Both are merged already, and danger_host is a way to say network.mode.
      if (key == "extends" || key == "network.danger_host") continue;
      if (key == "environment.settable") {
        compare_lists(key, settable_of(before_), settable_of(after_));
      } else if (key == "network.mode") {
        compare_modes();
      } else if (field.shape == Shape::kValue) {
        compare_values(field);
      } else {
        compare_lists(key, field.parts(before_), field.parts(after_));
      }
    }
    return std::move(diff_);
  }

 private:
  void compare_modes() {
    const auto [from, from_at] = *full_before_.network;
    const auto [to, to_at] = *full_after_.network;
    if (from == to) return;
    (to > from ? diff_.more : diff_.less)
        .push_back({"network.mode", settings::quoted(to_string(from)), from_at,
                    settings::quoted(to_string(to)), to_at});
  }

  void compare_values(const settings::Field<Profile>& field) {
    const std::string key = field.info.full();
    const Parts from = field.parts(full_before_);
    const Parts to = field.parts(full_after_);
    if (from == to) return;
    ProfileChange change{key, "", {}, "", {}};
    if (!from.empty()) std::tie(change.before, change.before_at) = pair_of(from.front());
    if (!to.empty()) std::tie(change.after, change.after_at) = pair_of(to.front());
    const auto less = width(key, before_);
    const auto more = width(key, after_);
    if (!less || *less == *more) {
      diff_.other.push_back(std::move(change));
    } else {
      (*more > *less ? diff_.more : diff_.less).push_back(std::move(change));
    }
  }

  static std::pair<std::string, settings::Location> pair_of(const Located<std::string>& part) {
    return {part.value, part.at};
  }

  void compare_lists(const std::string& key, const Parts& from, const Parts& to) {
    const Effect effect = effect_of(key);
    for (const auto& part : without(to, from)) {
      list_for(effect == Effect::kNeither ? Effect::kNeither : effect)
          .push_back({key, "", {}, part.value, part.at});
    }
    for (const auto& part : without(from, to)) {
      const Effect gone = effect == Effect::kMore   ? Effect::kLess
                          : effect == Effect::kLess ? Effect::kMore
                                                    : Effect::kNeither;
      list_for(gone).push_back({key, part.value, part.at, "", {}});
    }
  }

  std::vector<ProfileChange>& list_for(Effect effect) {
    if (effect == Effect::kNeither) return diff_.other;
    return effect == Effect::kMore ? diff_.more : diff_.less;
  }

  const Profile& before_;
  const Profile& after_;
  const Profile full_before_;
  const Profile full_after_;
  ProfileDiff diff_;
};

}  // namespace

ProfileDiff diff_profiles(const Profile& before, const Profile& after) {
  return Comparer(before, after).compare();
}

std::string to_string(const ProfileChange& change) {
  const auto side = [](const std::string& value, const settings::Location& at) {
    return text::one_line(value + " (" + settings::to_string(at) + ")");
  };
  std::string out = change.key + " ";
  if (change.after.empty()) return out + "without " + side(change.before, change.before_at);
  out += side(change.after, change.after_at);
  if (!change.before.empty()) out += " instead of " + side(change.before, change.before_at);
  return out;
}

}  // namespace mayfly::sandbox
