#include "sandbox/narrowed_profile.h"

#include <algorithm>

#include "sandbox/profile_format.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMostNamed = 10;

// For limits where 0 means that there is none.
enum class Zero { kNothing, kNoLimit };

template <typename T>
void lower(Setting<T>& wanted, T base, Zero zero) {
  if (!wanted) return;
  const bool base_unlimited = zero == Zero::kNoLimit && base == T{};
  const bool wanted_unlimited = zero == Zero::kNoLimit && wanted->value == T{};
  if (!base_unlimited && (wanted_unlimited || wanted->value > base)) wanted.reset();
}

LimitSettings lowered(LimitSettings wanted, const Limits& base) {
  lower(wanted.wall, base.wall, Zero::kNothing);
  lower(wanted.job_wall, base.job_wall, Zero::kNothing);
  lower(wanted.cpu, base.cpu, Zero::kNoLimit);
  lower(wanted.cpu_percent, base.cpu_percent, Zero::kNoLimit);
  lower(wanted.processes, base.processes, Zero::kNothing);
  lower(wanted.open_files, base.open_files, Zero::kNothing);
  lower(wanted.file_bytes, base.file_bytes, Zero::kNothing);
  lower(wanted.disk_bytes, base.disk_bytes, Zero::kNothing);
  lower(wanted.io_bytes_per_second, base.io_bytes_per_second, Zero::kNoLimit);
  lower(wanted.tmp_bytes, base.tmp_bytes, Zero::kNothing);
  lower(wanted.shm_bytes, base.shm_bytes, Zero::kNothing);
  lower(wanted.output_bytes, base.output_bytes, Zero::kNothing);
  Profile memory;
  memory.limits.memory = wanted.memory;
  if (wanted.memory && limits_of(memory).memory_bytes > base.memory_bytes) wanted.memory.reset();
  return wanted;
}

// What a policy keeps no place of has it in the file that narrows: at the key, else in its table,
// else the file as a whole.
settings::Location place_of(const Widening& widening, const Profile& narrower) {
  if (trust_of(widening.at) != settings::Trust::kShipped) return widening.at;
  const std::string key = widening.what.substr(0, widening.what.find(' '));
  const std::string table = key.substr(0, key.find('.'));
  settings::Location place = narrower.at;
  for (const auto& field : profile_format().fields()) {
    if (field.info.table != table) continue;
    const auto parts = field.parts(narrower);
    if (parts.empty()) continue;
    if (field.info.full() == key) return parts.front().at;
    place = parts.front().at;
  }
  return place;
}

}  // namespace

Error widening_error(const std::vector<Widening>& found, const std::string& profile) {
  Error error;
  error.code = ErrorCode::kWideningRefused;
  for (std::size_t i = 0; i < std::min(found.size(), kMostNamed); ++i) {
    error.message += (i > 0 ? "\n" : "") + to_string(found[i].at) + ": " + found[i].what + " " +
                     found[i].message;
  }
  if (found.size() > kMostNamed) {
    error.message += "\nand " + std::to_string(found.size() - kMostNamed) + " more";
  }
  error.remedy = "Take it out: what is said there can only narrow profile " + profile;
  return error;
}

Result<Profile> narrowed(const Profile& profile, const Profile& narrower) {
  Profile out = profile;
  Profile later = narrower;
  later.limits = lowered(later.limits, limits_of(profile));
  // A shorter call is also a shorter job.
  if (later.limits.wall && !later.limits.job_wall &&
      limits_of(out).job_wall > later.limits.wall->value) {
    later.limits.job_wall = later.limits.wall;
  }
  settings::Diagnostics diagnostics;
  merge_profile(out, later, diagnostics);
  if (diagnostics.failed()) return fail(diagnostics.to_error());
  return out;
}

Result<Policy> resolve_narrowed(const Profile& profile, const std::vector<Profile>& narrowers,
                                const Host& host) {
  Policy policy = TRY(resolve(profile, host));
  Profile all = profile;
  // One by one: a later one cannot give back what an earlier one took.
  for (const Profile& each : narrowers) {
    all = TRY(narrowed(all, each));
    Policy inner = TRY(resolve(all, host));
    std::vector<Widening> found = widenings(inner, policy);
    for (Widening& widening : found) widening.at = place_of(widening, each);
    if (!found.empty()) return fail(widening_error(found, profile.name));
    policy = std::move(inner);
  }
  return policy;
}

}  // namespace mayfly::sandbox
