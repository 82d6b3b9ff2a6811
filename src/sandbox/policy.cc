#include "sandbox/policy.h"

#include <cinttypes>
#include <cstdint>
#include <cstdio>

#include "base/sys.h"
#include "base/text.h"

namespace mayfly::sandbox {
namespace {

std::string limits_text(const Limits& limits) {
  std::string out;
  const auto add = [&out](const char* name, std::uint64_t value) {
    out += std::string("limit ") + name + " " + std::to_string(value) + "\n";
  };
  add("wall_ms", static_cast<std::uint64_t>(limits.wall.count()));
  add("job_wall_ms", static_cast<std::uint64_t>(limits.job_wall.count()));
  add("cpu_ms", static_cast<std::uint64_t>(limits.cpu.count()));
  add("cpu_percent", limits.cpu_percent);
  add("memory_bytes", limits.memory_bytes);
  add("processes", limits.processes);
  add("open_files", limits.open_files);
  add("file_bytes", limits.file_bytes);
  add("disk_bytes", limits.disk_bytes);
  add("io_bytes_per_second", limits.io_bytes_per_second);
  add("tmp_bytes", limits.tmp_bytes);
  add("shm_bytes", limits.shm_bytes);
  add("output_bytes", limits.output_bytes);
  return out;
}

}  // namespace

std::string to_text(const Policy& policy) {
  const Identity& id = policy.identity;
  std::string out = "profile " + policy.profile + "\n";
  out += "user " + id.user + " " + std::to_string(id.inside_uid) + ":" +
         std::to_string(id.inside_gid) + ", on the host " + std::to_string(id.host_uid) + ":" +
         std::to_string(id.host_gid) + ", home " + id.home + ", hostname " + id.hostname + "\n";
  const bool writable = policy.workspace_access == WorkspaceAccess::kReadWrite;
  for (const Workspace& workspace : policy.workspaces) {
    out += std::string("workspace ") + (writable ? "read-write " : "read-only ") + workspace.path +
           " device " + std::to_string(workspace.device) + " inode " +
           std::to_string(workspace.inode) + "\n";
  }
  for (const MountRule& mount : policy.mounts) {
    out += std::string(mount.access == Access::kWrite ? "write " : "read ") + mount.destination;
    if (mount.source != mount.destination) out += " from " + mount.source;
    if (mount.ownership == Ownership::kMapped) out += " (idmapped)";
    out += "  [" + mount.rule + "]\n";
  }
  if (policy.cache.has_value()) {
    out += "cache of " + policy.cache->workspace + " in " + policy.cache->root + "\n";
  }
  for (const std::string& path : policy.hidden) out += "hide " + path + "\n";
  for (const auto& [path, target] : policy.links) out += "link " + path + " -> " + target + "\n";
  for (const GeneratedFile& file : policy.files) {
    out += "file " + file.path + " \"" + text::one_line(file.content) + "\"\n";
  }
  for (const std::string& path : policy.protected_directories) out += "protect " + path + "\n";
  for (const auto& [name, value] : policy.environment) {
    out += "env " + name + "=" + text::one_line(value) + "\n";
  }
  out += "network none\n";
  out += std::string("tier at least ") + to_string(policy.weakest_tier) + "\n";
  out += std::string("tracing ") + (policy.tracing ? "of its own" : "none") + "\n";
  if (policy.accepts_watched.memory) out += "watched memory_bytes\n";
  if (policy.accepts_watched.cpu_time) out += "watched cpu_ms\n";
  return out + limits_text(policy.limits);
}

Status check_workspaces(const Policy& policy) {
  for (const Workspace& workspace : policy.workspaces) {
    const auto now = sys::stat(workspace.path);
    if (now && now->st_dev == workspace.device && now->st_ino == workspace.inode) continue;
    return fail(input_error(ErrorCode::kWorkspaceUnusable, "workspace", workspace.path,
                            now ? "it was replaced by another directory" : "it is gone",
                            "Put the directory back, or try again to use the new one"));
  }
  return {};
}

std::string digest(const Policy& policy) {
  // FNV-1a, 64 bits: names a policy within one server; nothing is trusted because of it.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : to_text(policy)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016" PRIx64, hash);
  return hex;
}

}  // namespace mayfly::sandbox
