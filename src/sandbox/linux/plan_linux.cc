#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/plan.h"
#include "sandbox/linux/seccomp_filter.h"
#include "sandbox/settable.h"

namespace mayfly::sandbox {
namespace {

constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom", "tty"};

// What of /proc tells about the host or reaches it. The rest is read-only, and most of what is
// listed here is for host uid 0 alone, which no sandbox is.
constexpr const char* kCoveredProc[] = {
    "acpi", "asound",        "interrupts",  "kallsyms", "kcore",         "key-users", "keys",
    "kmsg", "latency_stats", "sched_debug", "scsi",     "sysrq-trigger", "timer_list"};

// What this policy's server opened and may mount, and the operations that mount it.
class RootPlanner {
 public:
  RootPlanner(const Policy& policy, const Surroundings& surroundings)
      : policy_(policy), surroundings_(surroundings), mounts_(policy.mounts) {
    for (const CacheDirectory& cache : surroundings.caches) {
      mounts_.push_back({cache.host, policy.identity.home + "/" + cache.inside, Access::kWrite,
                         policy.cache->ownership, policy.profile + ": cache"});
    }
    std::stable_sort(mounts_.begin(), mounts_.end(), [](const MountRule& a, const MountRule& b) {
      return a.destination < b.destination;
    });
  }
  Result<RootPlan> make();

 private:
  void add_skeleton();
  Status add_devices();
  void add_private_mounts();
  Status add_mounts();
  void add_generated();
  void add_protection();
  void add_landlock();

  Result<std::uint32_t> add_source(const std::string& path, bool read_only, bool mapped,
                                   const std::string& rule);
  bool is_private(const std::string& path) const;
  // /var/tmp is a link to /tmp unless something is mounted below it.
  bool has_own_var_tmp() const {
    return std::any_of(mounts_.begin(), mounts_.end(), [](const MountRule& rule) {
      return is_within(rule.destination, "/var/tmp");
    });
  }
  bool is_mounted_over(const std::string& path) const;
  void directory(const std::string& path);

  const Policy& policy_;
  const Surroundings& surroundings_;
  std::vector<MountRule> mounts_;  // the policy's and the caches', parents first
  RootPlan plan_;
  std::vector<std::string> mounted_;  // destinations of what has been mounted so far
};

void RootPlanner::directory(const std::string& path) {
  plan_.root_ops.push_back({.kind = RootOpKind::kDirectory, .target = path, .mode = 0755});
}

// Whether `path` lies in what every call gets anew.
bool RootPlanner::is_private(const std::string& path) const {
  return std::any_of(plan_.call_ops.begin(), plan_.call_ops.end(), [&path](const CallOp& op) {
    return op.kind == CallOpKind::kTmpfs && is_within(path, op.target);
  });
}

// Below a mount of the host the mount point is the host's too, and never made by us.
bool RootPlanner::is_mounted_over(const std::string& path) const {
  return std::any_of(mounted_.begin(), mounted_.end(),
                     [&path](const std::string& m) { return path != m && is_within(path, m); });
}

Result<std::uint32_t> RootPlanner::add_source(const std::string& path, bool read_only, bool mapped,
                                              const std::string& rule) {
  const OwnedFd file = TRY(sys::open(path, O_PATH | O_NOFOLLOW));
  const struct stat info = TRY(sys::fstat(file.get()));
  Source source;
  source.path = path;
  source.device = info.st_dev;
  source.inode = info.st_ino;
  source.directory = S_ISDIR(info.st_mode);
  source.device_node = S_ISCHR(info.st_mode);
  source.read_only = read_only;
  source.mapped = mapped;
  source.rule = rule;
  plan_.sources.push_back(std::move(source));
  return static_cast<std::uint32_t>(plan_.sources.size() - 1);
}

void RootPlanner::add_skeleton() {
  for (const char* path :
       {"/proc", "/dev", "/dev/pts", "/dev/shm", "/etc", "/run", "/tmp", "/var"}) {
    directory(path);
  }
  const auto link = [this](const std::string& path, const std::string& target) {
    plan_.root_ops.push_back({.kind = RootOpKind::kSymlink, .target = path, .text = target});
  };
  link("/dev/fd", "/proc/self/fd");
  link("/dev/stdin", "/proc/self/fd/0");
  link("/dev/stdout", "/proc/self/fd/1");
  link("/dev/stderr", "/proc/self/fd/2");
  link("/dev/ptmx", "pts/ptmx");
  if (!has_own_var_tmp()) link("/var/tmp", "/tmp");
  link("/var/run", "/run");
  for (const auto& [path, target] : policy_.links) link(path, target);
  plan_.root_ops.push_back({.kind = RootOpKind::kTmpfs,
                            .target = kScratchPath,
                            .mode = 0700,
                            .bytes = policy_.limits.tmp_bytes});
}

Status RootPlanner::add_devices() {
  for (const char* name : kDevices) {
    const std::string path = std::string("/dev/") + name;
    const std::uint32_t source = TRY(add_source(path, false, false, "device"));
    plan_.root_ops.push_back(
        {.kind = RootOpKind::kMount, .target = path, .source = source, .mode = 0755});
  }
  return {};
}

void RootPlanner::add_private_mounts() {
  const auto tmpfs = [this](const std::string& target, std::uint64_t bytes, std::uint32_t mode) {
    if (is_private(target)) {
      plan_.call_ops.push_back({.kind = CallOpKind::kDirectory, .target = target, .mode = 0755});
    } else {
      directory(target);
    }
    plan_.call_ops.push_back(
        {.kind = CallOpKind::kTmpfs, .target = target, .mode = mode, .bytes = bytes});
  };
  tmpfs("/tmp", policy_.limits.tmp_bytes, 01777);
  tmpfs(kSharedMemory, policy_.limits.shm_bytes, 01777);
  tmpfs(policy_.identity.home, policy_.limits.tmp_bytes, 0700);
  if (has_own_var_tmp()) tmpfs("/var/tmp", policy_.limits.tmp_bytes, 01777);
}

Status RootPlanner::add_mounts() {
  for (const MountRule& rule : mounts_) {
    const bool read_only = rule.access == Access::kRead;
    const bool mapped = rule.ownership == Ownership::kMapped;
    // Small system files are copied once: a mount each would be paid for in every call.
    const bool copied = read_only && !mapped && is_within(rule.destination, "/etc") &&
                        S_ISREG(TRY(sys::stat(rule.source)).st_mode);
    if (copied) {
      plan_.root_ops.push_back({.kind = RootOpKind::kCopy,
                                .target = rule.destination,
                                .text = rule.source,
                                .mode = 0644});
      continue;
    }
    const std::uint32_t source = TRY(add_source(rule.source, read_only, mapped, rule.rule));
    const std::uint32_t point = is_mounted_over(rule.destination) ? 0 : 0755;
    if (is_private(rule.destination)) {
      plan_.call_ops.push_back({.kind = CallOpKind::kMount,
                                .target = rule.destination,
                                .source = source,
                                .mode = point});
    } else {
      plan_.root_ops.push_back({.kind = RootOpKind::kMount,
                                .target = rule.destination,
                                .source = source,
                                .mode = point});
    }
    mounted_.push_back(rule.destination);
  }
  return {};
}

void RootPlanner::add_generated() {
  for (const GeneratedFile& file : policy_.files) {
    plan_.root_ops.push_back(
        {.kind = RootOpKind::kFile, .target = file.path, .text = file.content, .mode = 0644});
  }
}

void RootPlanner::add_protection() {
  const auto add = [this](CallOpKind kind, std::string target, std::string text = "") {
    plan_.call_ops.push_back({.kind = kind, .target = std::move(target), .text = std::move(text)});
  };
  add(CallOpKind::kDevpts, "/dev/pts");
  add(CallOpKind::kProc, "/proc");
  for (const char* name : kCoveredProc) add(CallOpKind::kCover, std::string("/proc/") + name);
  for (const CoverRule& cover : policy_.covers) add(CallOpKind::kCover, cover.path);
  if (policy_.workspace_access == WorkspaceAccess::kReadOnly) return;
  for (const Workspace& workspace : policy_.workspaces) {
    for (const std::string& protected_directory : policy_.protected_directories) {
      add(CallOpKind::kProtect, workspace.path, protected_directory);
    }
  }
  for (const auto& [workspace, path] : surroundings_.set_id_files) {
    add(CallOpKind::kProtect, workspace, path);
  }
}

// The same as the mounts say, for a kernel that would not look at mounts.
void RootPlanner::add_landlock() {
  const auto allow = [this](const std::string& path, Reach reach) {
    const bool allowed =
        std::any_of(plan_.landlock.begin(), plan_.landlock.end(), [&](const LandlockRule& rule) {
          return rule.reach == reach && is_within(path, rule.path);
        });
    if (!allowed) plan_.landlock.push_back({path, reach});
  };
  allow("/", Reach::kRead);
  for (const CallOp& op : plan_.call_ops) {
    if (op.kind == CallOpKind::kTmpfs) allow(op.target, Reach::kWrite);
  }
  for (const RootOp& op : plan_.root_ops) {
    if (op.kind == RootOpKind::kTmpfs) allow(op.target, Reach::kWrite);
  }
  for (const MountRule& rule : mounts_) {
    if (rule.access == Access::kWrite) allow(rule.destination, Reach::kWrite);
  }
  // Each by itself: a stream that is the host's /dev/null is opened again by its name.
  for (const char* name : kDevices) allow(std::string("/dev/") + name, Reach::kDevice);
  allow("/dev/pts", Reach::kDevice);
}

Result<RootPlan> RootPlanner::make() {
  plan_.identity = policy_.identity;
  add_private_mounts();
  add_skeleton();
  TRY(add_devices());
  TRY(add_mounts());
  add_generated();
  add_protection();
  add_landlock();
  plan_.filters = TRY(compile_filters({.tracing = allows_tracing(policy_.syscalls)}));
  return std::move(plan_);
}

const char* name_of(RootOpKind kind) {
  constexpr const char* kNames[] = {"directory", "symlink", "file", "copy", "mount", "tmpfs"};
  return kNames[static_cast<std::size_t>(kind)];
}

const char* name_of(CallOpKind kind) {
  constexpr const char* kNames[] = {"tmpfs",   "directory", "mount", "cover",
                                    "protect", "devpts",    "proc"};
  return kNames[static_cast<std::size_t>(kind)];
}

template <typename Op>
std::string op_text(const Op& op, bool mounts, const std::vector<Source>& sources) {
  std::string line = std::string(name_of(op.kind)) + " " + op.target;
  if (mounts) line += std::string(" from ") + sources[op.source].path;
  if (mounts && sources[op.source].read_only) line += " read-only";
  if (mounts && sources[op.source].mapped) line += " idmapped";
  if (op.bytes != 0) line += " of " + text::human_bytes(op.bytes);
  if (!op.text.empty()) line += " : " + text::shorten(text::one_line(op.text), 60);
  return line + "\n";
}

}  // namespace

Result<RootPlan> plan_root(const Policy& policy, const Surroundings& surroundings) {
  return RootPlanner(policy, surroundings).make();
}

Result<CallPlan> plan_call(const Policy& policy, const Command& command) {
  TRY(check_settable(policy, command));
  CallPlan plan;
  plan.argv = command.argv;
  plan.cwd = command.cwd.empty() ? policy.workspaces.front().path : command.cwd;
  plan.limits = command.limits;
  plan.process_rlimit = command.limits.processes;
  std::vector<std::pair<std::string, std::string>> environment = policy.environment;
  for (const auto& [name, value] : command.environment) {
    const auto same = std::find_if(environment.begin(), environment.end(),
                                   [&n = name](const auto& entry) { return entry.first == n; });
    if (same != environment.end()) environment.erase(same);
    environment.emplace_back(name, value);
  }
  for (const auto& [name, value] : environment) {
    if (name == "PATH") plan.path = value;
    plan.environment.push_back(name + "=" + value);
  }
  const auto has_nul = [](const std::string& s) { return s.find('\0') != std::string::npos; };
  const bool nul = std::any_of(plan.argv.begin(), plan.argv.end(), has_nul) || has_nul(plan.cwd) ||
                   std::any_of(plan.environment.begin(), plan.environment.end(), has_nul);
  if (plan.argv.empty() || nul) {
    return fail(
        input_error(ErrorCode::kInvalidArgument, "command", plan.argv.empty() ? "" : plan.argv[0],
                    plan.argv.empty() ? "there is nothing to run" : "it contains a NUL byte",
                    "Give a program and its arguments as text without NUL bytes"));
  }
  return plan;
}

std::string to_text(const RootPlan& plan) {
  const Identity& id = plan.identity;
  std::string out = std::string("tier ") + to_string(plan.tier) + "\nidentity " + id.user +
                    " inside " + std::to_string(id.inside_uid) + ":" +
                    std::to_string(id.inside_gid) + " host " + std::to_string(id.host_uid) + ":" +
                    std::to_string(id.host_gid) + "\n";
  for (const RootOp& op : plan.root_ops) {
    out += "once  " + op_text(op, op.kind == RootOpKind::kMount, plan.sources);
  }
  for (const CallOp& op : plan.call_ops) {
    out += "call  " + op_text(op, op.kind == CallOpKind::kMount, plan.sources);
  }
  for (const LandlockRule& rule : plan.landlock) {
    out += std::string("landlock ") + to_string(rule.reach) + " " + rule.path + "\n";
  }
  for (const FilterProgram& filter : plan.filters) {
    out += "filter of " + std::to_string(filter.bytes.size() / 8) + " instructions" +
           (filter.listener ? ", with a listener" : "") + "\n";
  }
  return out;
}

}  // namespace mayfly::sandbox
