#include "sandbox/profile.h"

#include <unistd.h>

#include <algorithm>

namespace mayfly::sandbox {
namespace {

std::uint64_t machine_share(std::uint64_t percent) {
  const std::uint64_t machine =
      std::uint64_t(::sysconf(_SC_PHYS_PAGES)) * std::uint64_t(::sysconf(_SC_PAGESIZE));
  return std::max<std::uint64_t>(machine / 100 * percent, 2ULL << 30);
}

}  // namespace

const char* to_string(Tier tier) { return tier == Tier::kFull ? "full" : "landlock"; }

const char* to_string(PathAccess access) {
  switch (access) {
    case PathAccess::kRead:
      return "read";
    case PathAccess::kWrite:
      return "write";
    case PathAccess::kHide:
      return "hide";
    case PathAccess::kDeny:
      return "deny";
  }
  return "";
}

Limits limits_of(const Profile& profile) {
  const LimitSettings& from = profile.limits;
  Limits to;
  const auto take = [](auto& value, const auto& setting) {
    if (setting) value = setting->value;
  };
  take(to.wall, from.wall);
  take(to.job_wall, from.job_wall);
  take(to.cpu, from.cpu);
  take(to.cpu_percent, from.cpu_percent);
  const MemoryLimit memory = from.memory ? from.memory->value : MemoryLimit{};
  to.memory_bytes = memory.bytes != 0 ? memory.bytes : machine_share(memory.machine_percent);
  take(to.processes, from.processes);
  take(to.open_files, from.open_files);
  take(to.file_bytes, from.file_bytes);
  take(to.disk_bytes, from.disk_bytes);
  take(to.io_bytes_per_second, from.io_bytes_per_second);
  take(to.tmp_bytes, from.tmp_bytes);
  take(to.shm_bytes, from.shm_bytes);
  take(to.output_bytes, from.output_bytes);
  return to;
}

Watched watched_of(const Profile& profile) {
  return profile.watched ? profile.watched->value : Watched{};
}

Tier tier_of(const Profile& profile) { return profile.tier ? profile.tier->value : Tier::kFull; }

WorkspaceAccess workspace_of(const Profile& profile) {
  return profile.workspace ? profile.workspace->value : WorkspaceAccess::kReadOnly;
}

bool names_variable(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == name;
}

}  // namespace mayfly::sandbox
