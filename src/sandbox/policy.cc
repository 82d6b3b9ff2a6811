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

std::string network_text(const NetworkPolicy& network) {
  std::string out = std::string("network ") + to_string(network.mode) + "\n";
  const auto add = [&out](const char* verb, const HostRule& rule) {
    out += std::string(verb) + " " + text::one_line(rule.text);
    if (!rule.methods.empty()) out += " methods " + text::join(rule.methods, ",");
    if (!rule.path_prefix.empty()) out += " path " + text::one_line(rule.path_prefix);
    out += "  [" + rule.rule + "]\n";
  };
  for (const HostRule& rule : network.allow) add("reach", rule);
  for (const HostRule& rule : network.deny) add("reach not", rule);
  for (const HostAddress& host : network.hosts) {
    out += "host " + host.name + " at " + host.address + "\n";
  }
  for (const std::uint16_t port : network.publish) {
    out += "publish " + std::to_string(port) + "\n";
  }
  return out;
}

std::string text_of(const SyscallRule& rule) {
  return "call " + text::one_line(rule.text) + "  [" + rule.rule + "]\n";
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
  for (const CoverRule& cover : policy.covers) {
    out += std::string(to_string(cover.kind)) + " " + cover.path + "  [" + cover.rule + "]\n";
  }
  for (const TmpfsRule& tmpfs : policy.tmpfs) {
    out += "tmpfs " + tmpfs.destination + " of " + std::to_string(tmpfs.bytes) + "  [" +
           tmpfs.rule + "]\n";
  }
  for (const auto& [path, target] : policy.links) out += "link " + path + " -> " + target + "\n";
  for (const GeneratedFile& file : policy.files) {
    out += "file " + file.path + " \"" + text::one_line(file.content) + "\"\n";
  }
  for (const std::string& path : policy.protected_directories) out += "protect " + path + "\n";
  for (const std::string& path : policy.protect) out += "protect also " + path + "\n";
  for (const std::string& path : policy.unprotect) out += "protect not " + path + "\n";
  for (const auto& [name, value] : policy.environment) {
    out += "env " + name + "=" + text::one_line(value) + "\n";
  }
  if (policy.terminal_type != Policy().terminal_type) {
    out += "terminal " + text::one_line(policy.terminal_type) + "\n";
  }
  out += "settable " + text::join(policy.settable_variables, " ") + "\n";
  out += network_text(policy.network);
  for (const SyscallRule& rule : policy.syscalls.allow) out += "allow " + text_of(rule);
  for (const SyscallRule& rule : policy.syscalls.deny) out += "deny " + text_of(rule);
  for (const SyscallRule& rule : policy.syscalls.danger_allow) {
    out += "danger allow " + text_of(rule);
  }
  for (const std::string& name : policy.capabilities) out += "capability " + name + "\n";
  out += std::string("tier at least ") + to_string(policy.weakest_tier) + "\n";
  for (const Requirement each : policy.requirements) {
    out += std::string("requires ") + to_string(each) + "\n";
  }
  out += std::string("observe ") + to_string(policy.observe.level) + "\n";
  for (const IgnorePattern& each : policy.observe.ignore) {
    out += text::one_line("ignore " + each.kind + " " + each.operation + " " + each.target) + "\n";
  }
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
