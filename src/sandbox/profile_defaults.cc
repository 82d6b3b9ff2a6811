#include "sandbox/profile_defaults.h"

namespace mayfly::sandbox {

NetworkMode network_of(const Profile& profile) {
  return profile.network ? profile.network->value : NetworkMode::kNone;
}

CacheMode cache_of(const Profile& profile) {
  return profile.cache ? profile.cache->value : CacheMode::kOff;
}

ToolchainChoice toolchains_of(const Profile& profile) {
  return profile.toolchains ? profile.toolchains->value : ToolchainChoice{};
}

const std::string* own_description(const Profile& profile) {
  const auto& description = profile.description;
  const bool own = description && description->at.source == profile.at.source;
  return own ? &description->value : nullptr;
}

Profile with_defaults(Profile profile) {
  const auto fill = [](auto& setting, auto value) {
    if (!setting) setting = {std::move(value), {}};
  };
  fill(profile.workspace, workspace_of(profile));
  fill(profile.toolchains, toolchains_of(profile));
  fill(profile.cache, cache_of(profile));
  fill(profile.network, network_of(profile));
  fill(profile.watched, watched_of(profile));
  fill(profile.tier, tier_of(profile));
  fill(profile.observe, Observation{}.level);
  LimitSettings& to = profile.limits;
  const Limits from;
  fill(to.wall, from.wall);
  fill(to.job_wall, from.job_wall);
  fill(to.cpu, from.cpu);
  fill(to.cpu_percent, from.cpu_percent);
  fill(to.memory, MemoryLimit{});
  fill(to.processes, from.processes);
  fill(to.open_files, from.open_files);
  fill(to.file_bytes, from.file_bytes);
  fill(to.disk_bytes, from.disk_bytes);
  fill(to.io_bytes_per_second, from.io_bytes_per_second);
  fill(to.tmp_bytes, from.tmp_bytes);
  fill(to.shm_bytes, from.shm_bytes);
  fill(to.output_bytes, from.output_bytes);
  return profile;
}

}  // namespace mayfly::sandbox
