#include "sandbox/narrowing.h"

#include <cstdint>

#include "base/text.h"
#include "sandbox/narrowing_parts.h"

namespace mayfly::sandbox {
namespace {

using narrowing::Findings;
using narrowing::has;

// A field that is added to one of these types does not compile here before somebody has decided
// what narrowing means for it.
[[maybe_unused]] void count_fields(const Policy& policy, const MountRule& mount,
                                   const CoverRule& cover, const TmpfsRule& tmpfs,
                                   const HostRule& host, const SyscallRule& call) {
  [[maybe_unused]] const auto& [profile, profile_at, identity, workspaces, workspace_access, mounts,
                                cache, covers, tmpfs_rules, links, files, protected_directories,
                                protect, unprotect, environment, terminal_type, settable_variables,
                                network, syscalls, capabilities, limits, accepts_watched,
                                weakest_tier, requirements, observe] = policy;
  [[maybe_unused]] const auto& [allow, deny, danger_allow] = policy.syscalls;
  [[maybe_unused]] const auto& [mode, reach, reach_not, hosts, publish] = policy.network;
  [[maybe_unused]] const auto& [level, ignore] = policy.observe;
  [[maybe_unused]] const auto& [m1, m2, m3, m4, m5, m6] = mount;
  [[maybe_unused]] const auto& [c1, c2, c3, c4] = cover;
  [[maybe_unused]] const auto& [t1, t2, t3, t4] = tmpfs;
  [[maybe_unused]] const auto& [h1, h2, h3, h4, h5, h6, h7, h8, h9, h10, h11, h12] = host;
  [[maybe_unused]] const auto& [s1, s2, s3, s4, s5, s6] = call;
}

enum class Zero { kNothing, kNoLimit };

void compare_limits(const Limits& inner, const Limits& outer, Findings& found) {
  const auto compare = [&found](const char* name, std::uint64_t in, std::uint64_t out, Zero zero,
                                const char* unit) {
    const bool unlimited_in = zero == Zero::kNoLimit && in == 0;
    const bool unlimited_out = zero == Zero::kNoLimit && out == 0;
    if (unlimited_out || (!unlimited_in && in <= out)) return;
    const auto said = [unit](std::uint64_t value) {
      const std::string name_of_unit = unit;
      return name_of_unit == "bytes" ? text::human_bytes(value)
                                     : std::to_string(value) + name_of_unit;
    };
    found.add(std::string("limits.") + name, unlimited_in
                                                 ? "is none, where " + said(out) + " is the limit"
                                                 : "is " + said(in) + ", more than " + said(out));
  };
  const auto time = [&compare](const char* name, milliseconds in, milliseconds out, Zero zero) {
    compare(name, static_cast<std::uint64_t>(in.count()), static_cast<std::uint64_t>(out.count()),
            zero, " ms");
  };
  const auto& [wall, job_wall, cpu, cpu_percent, memory, processes, open_files, file, disk, io, tmp,
               shm, output] = inner;
  time("wall", wall, outer.wall, Zero::kNothing);
  time("job_wall", job_wall, outer.job_wall, Zero::kNothing);
  time("cpu", cpu, outer.cpu, Zero::kNoLimit);
  compare("cpu_share", cpu_percent, outer.cpu_percent, Zero::kNoLimit, "%");
  compare("memory", memory, outer.memory_bytes, Zero::kNoLimit, "bytes");
  compare("processes", processes, outer.processes, Zero::kNothing, "");
  compare("open_files", open_files, outer.open_files, Zero::kNothing, "");
  compare("file", file, outer.file_bytes, Zero::kNothing, "bytes");
  compare("disk", disk, outer.disk_bytes, Zero::kNoLimit, "bytes");
  compare("io", io, outer.io_bytes_per_second, Zero::kNoLimit, "bytes");
  // A tmpfs of size 0 has no limit.
  compare("tmp", tmp, outer.tmp_bytes, Zero::kNoLimit, "bytes");
  compare("shm", shm, outer.shm_bytes, Zero::kNoLimit, "bytes");
  compare("output", output, outer.output_bytes, Zero::kNothing, "bytes");
}

void compare_identity(const Identity& inner, const Identity& outer, Findings& found) {
  const auto& [host_uid, host_gid, inside_uid, inside_gid, user, home, hostname] = inner;
  const auto same = [&found](const char* what, bool equal) {
    if (!equal) found.add(std::string("identity.") + what, "is another");
  };
  same("host_uid", host_uid == outer.host_uid);
  same("host_gid", host_gid == outer.host_gid);
  same("inside_uid", inside_uid == outer.inside_uid);
  same("inside_gid", inside_gid == outer.inside_gid);
  same("user", user == outer.user);
  same("home", home == outer.home);
  same("hostname", hostname == outer.hostname);
}

void compare_workspaces(const Policy& inner, const Policy& outer, Findings& found) {
  for (const Workspace& each : inner.workspaces) {
    if (has(outer.workspaces, each)) continue;
    found.add("workspace " + each.path, "is none of the workspaces");
  }
  if (inner.workspace_access == WorkspaceAccess::kReadWrite &&
      outer.workspace_access == WorkspaceAccess::kReadOnly) {
    found.add("filesystem.workspace", "is read-write, where it is read-only");
  }
}

void compare_protection(const Policy& inner, const Policy& outer, Findings& found) {
  const auto keep = [&found](const std::vector<std::string>& in,
                             const std::vector<std::string>& out) {
    for (const std::string& path : out) {
      if (!has(in, path)) found.add("filesystem.protect " + path, "is not protected any more");
    }
  };
  keep(inner.protected_directories, outer.protected_directories);
  keep(inner.protect, outer.protect);
  for (const std::string& path : inner.unprotect) {
    if (has(outer.unprotect, path)) continue;
    found.add("filesystem.danger_unprotect " + path, "is not protected any more");
  }
}

// Whether PATH has only entries of `longer`. Their order is the search for toolchains' own: without
// them the system's directories come first, and all of them may be run by their whole path anyway.
bool is_part_of_path(const std::string& shorter, const std::string& longer) {
  const std::vector<std::string> all = text::split(longer, ':');
  const std::vector<std::string> entries = text::split(shorter, ':');
  return std::all_of(entries.begin(), entries.end(),
                     [&all](const std::string& entry) { return has(all, entry); });
}

void compare_environment(const Policy& inner, const Policy& outer, Findings& found) {
  for (const auto& [name, value] : inner.environment) {
    const auto same = std::find_if(outer.environment.begin(), outer.environment.end(),
                                   [&n = name](const auto& entry) { return entry.first == n; });
    if (same == outer.environment.end()) {
      found.add("environment " + name, "is set, and was not");
    } else if (same->second != value && !(name == "PATH" && is_part_of_path(value, same->second))) {
      found.add("environment " + name, "has another value");
    }
  }
  for (const std::string& each : inner.settable_variables) {
    const bool covered =
        std::any_of(outer.settable_variables.begin(), outer.settable_variables.end(),
                    [&each](const std::string& wide) {
                      if (wide == each) return true;
                      if (!wide.ends_with('*')) return false;
                      return each.starts_with(std::string_view(wide).substr(0, wide.size() - 1));
                    });
    if (!covered) found.add("environment.settable " + each, "is not what a call may set");
  }
}

void compare_host_demands(const Policy& inner, const Policy& outer, Findings& found) {
  if (inner.weakest_tier == Tier::kLandlock && outer.weakest_tier == Tier::kFull) {
    found.add("host.tier", "takes a weaker tier than full");
  }
  for (const Requirement each : outer.requirements) {
    if (has(inner.requirements, each)) continue;
    found.add(std::string("host.requires ") + to_string(each), "is not insisted on any more");
  }
  const auto& [memory, cpu_time] = inner.accepts_watched;
  if (memory && !outer.accepts_watched.memory) {
    found.add("limits.watched memory", "takes a limit that is only watched");
  }
  if (cpu_time && !outer.accepts_watched.cpu_time) {
    found.add("limits.watched cpu", "takes a limit that is only watched");
  }
}

}  // namespace

std::vector<Widening> widenings(const Policy& inner, const Policy& outer) {
  Findings found;
  compare_workspaces(inner, outer, found);
  compare_protection(inner, outer, found);
  narrowing::compare_paths(inner, outer, found);
  narrowing::compare_network(inner.network, outer.network, found);
  narrowing::compare_syscalls(inner.syscalls, outer.syscalls, found);
  for (const std::string& name : inner.capabilities) {
    if (!has(outer.capabilities, name)) {
      found.add("capabilities.danger_keep " + name, "is not kept");
    }
  }
  compare_limits(inner.limits, outer.limits, found);
  compare_environment(inner, outer, found);
  compare_identity(inner.identity, outer.identity, found);
  compare_host_demands(inner, outer, found);
  narrowing::compare_observation(inner.observe, outer.observe, found);
  return found.take();
}

}  // namespace mayfly::sandbox
