#include "sandbox/explain_prose.h"

#include <algorithm>

#include "base/text.h"
#include "sandbox/profile_defaults.h"
#include "settings/units.h"

namespace mayfly::sandbox {
namespace {

std::size_t count(const Profile& profile, PathAccess access) {
  return static_cast<std::size_t>(
      std::count_if(profile.paths.begin(), profile.paths.end(),
                    [&](const auto& rule) { return rule.value.access == access; }));
}

std::string number_of(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string files_sentence(const Profile& profile) {
  const bool writable = workspace_of(profile) == WorkspaceAccess::kReadWrite;
  std::string out =
      writable ? "A command starts in the workspace and may change it, but for the paths that "
                 "programs of the host would run."
               : "A command starts in the workspace and may read it, not change it.";
  if (!shows_programs(profile)) {
    return out + " It sees no /usr, so that no program of the system can run.";
  }
  out += " Of the host it sees " + number_of(count(profile, PathAccess::kRead), "path", "paths") +
         " read-only";
  const std::size_t writes = count(profile, PathAccess::kWrite);
  if (writes > 0) out += " and " + number_of(writes, "more", "more") + " that it may change";
  out += "; nothing else is there.";
  const std::size_t covered = count(profile, PathAccess::kHide) + count(profile, PathAccess::kDeny);
  if (covered > 0) {
    out += " " + number_of(covered, "rule takes", "rules take") + " paths out of that.";
  }
  return out;
}

std::string home_sentence(const Profile& profile) {
  std::string out = "Its home directory is empty and lost when the call ends";
  const bool chains = toolchains_of(profile).search != ToolchainChoice::Search::kOff;
  const bool caches = cache_of(profile) == CacheMode::kWorkspace;
  if (chains) out += ", but for your toolchains (read-only)";
  if (caches) {
    out += std::string(chains ? " and" : ", but for") + " build caches kept for each workspace";
  }
  return out + "; so is /tmp.";
}

std::string network_sentence(const Profile& profile) {
  const std::string none_yet = " This version of Mayfly has no way out yet: nothing is reached.";
  switch (network_of(profile)) {
    case NetworkMode::kNone:
      break;
    case NetworkMode::kProxy:
      return "Of the network it may reach what " +
             number_of(profile.network_allow.size(), "rule allows.", "rules allow.") + none_yet;
    case NetworkMode::kHost:
      return "It may use the host's own network." + none_yet;
  }
  return "It reaches no network.";
}

// Whatever is said of the rest of the network.
std::string publish_sentence(const Profile& profile) {
  std::vector<std::string> ports;
  for (const auto& each : profile.network_publish) ports.push_back(std::to_string(each.value));
  if (ports.empty()) return "";
  const bool one = ports.size() == 1;
  return std::string("What a job serves on loopback ") + (one ? "port " : "ports ") +
         text::join(ports, ", ") + " is reached by later calls of the same caller at their own.";
}

std::string kernel_sentence(const Profile& profile) {
  if (profile.syscalls_allow.empty() && profile.syscalls_danger_allow.empty()) {
    return "It may make no system calls but those that every program needs to start and end.";
  }
  std::string out = "Of the kernel it may ask what " +
                    number_of(profile.syscalls_allow.size(), "rule allows", "rules allow");
  if (!profile.syscalls_deny.empty()) {
    out += ", less what " + std::to_string(profile.syscalls_deny.size()) + " deny";
  }
  return out + "; every other system call fails.";
}

std::string memory_text(const Profile& profile) {
  const MemoryLimit limit = profile.limits.memory ? profile.limits.memory->value : MemoryLimit{};
  if (limit.bytes != 0) return text::human_bytes(limit.bytes) + " of memory";
  return std::to_string(limit.machine_percent) + "% of the machine's memory";
}

std::string limits_sentence(const Profile& profile) {
  const Limits limits = limits_of(profile);
  return "It is ended after " + settings::duration_text(limits.wall) + " (as a job after " +
         settings::duration_text(limits.job_wall) + "), with more than " + memory_text(profile) +
         ", or when it has written " + text::human_bytes(limits.disk_bytes) + ".";
}

std::string host_sentence(const Profile& profile) {
  const bool any = tier_of(profile) == Tier::kLandlock;
  const Watched watched = watched_of(profile);
  std::string out = any ? "It also runs on a host without namespaces, with less isolation."
                        : "Where the host cannot make the whole sandbox it does not run.";
  if (watched.memory || watched.cpu_time) {
    out += " Limits that no control group enforces are watched instead.";
  }
  return out;
}

std::string danger_sentence(const Profile& profile) {
  std::vector<std::string> keys;
  if (network_of(profile) == NetworkMode::kHost) keys.emplace_back("network.danger_host");
  if (!profile.danger_unprotect.empty()) keys.emplace_back("filesystem.danger_unprotect");
  if (!profile.syscalls_danger_allow.empty()) keys.emplace_back("syscalls.danger_allow");
  if (!profile.capabilities_danger_keep.empty()) {
    keys.emplace_back("capabilities.danger_keep");
  }
  return keys.empty() ? "" : "DANGER: isolation is weaker by " + text::join(keys, ", ") + ".";
}

}  // namespace

bool shows_programs(const Profile& profile) {
  const bool read = std::any_of(profile.paths.begin(), profile.paths.end(), [](const auto& rule) {
    return rule.value.access == PathAccess::kRead &&
           (rule.value.path == "/usr" || rule.value.path == "/usr/bin");
  });
  return read || std::any_of(profile.binds.begin(), profile.binds.end(), [](const auto& bind) {
           return bind.value.source == "/usr" || bind.value.destination.ends_with("/bin");
         });
}

std::vector<std::string> prose_of(const Profile& profile, const Policy* policy) {
  std::vector<std::string> out = {files_sentence(profile),   home_sentence(profile),
                                  network_sentence(profile), kernel_sentence(profile),
                                  limits_sentence(profile),  host_sentence(profile)};
  if (std::string published = publish_sentence(profile); !published.empty()) {
    out.insert(out.begin() + 3, std::move(published));
  }
  if (policy != nullptr && policy->identity.host_uid == kSpareUid) {
    out.emplace_back("Since workspace and server are root's, it runs as a uid of its own.");
  }
  if (std::string danger = danger_sentence(profile); !danger.empty()) {
    out.push_back(std::move(danger));
  }
  return out;
}

}  // namespace mayfly::sandbox
