#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <map>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/capabilities.h"
#include "sandbox/linux/plan.h"
#include "sandbox/linux/plan_layers.h"
#include "sandbox/linux/seccomp_filter.h"
#include "sandbox/linux/syscall_gate.h"
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
  RootPlanner(const Policy& policy, const Surroundings& surroundings, std::vector<Layer> layers)
      : policy_(policy), surroundings_(surroundings), layers_(std::move(layers)) {}
  Result<RootPlan> make();

 private:
  void add_skeleton();
  Status add_devices();
  Status add_layers();
  Status add_mount(const Layer& layer);
  Result<bool> is_copied(const Layer& layer) const;
  void add_in_memory(const Layer& layer);
  void add_hidden(const Layer& layer);
  void add_generated();
  Status add_protection();
  Status protect(const std::string& directory, const std::string& path);
  void add_covers();
  void add_landlock();

  Result<std::uint32_t> add_source(const std::string& path, bool read_only, bool mapped,
                                   const std::string& rule);
  bool makes_point(const Layer& layer) const;
  bool is_shadowed(const std::string& path) const;
  void directory(const std::string& path) {
    plan_.root_ops.push_back({.kind = RootOpKind::kDirectory, .target = path, .mode = 0755});
  }

  const Policy& policy_;
  const Surroundings& surroundings_;
  const std::vector<Layer> layers_;
  RootPlan plan_;
};

// Below a mount of the host the mount point is the host's too, and never made by us.
bool RootPlanner::makes_point(const Layer& layer) const {
  if (layer.around < 0) return true;
  const LayerKind around = layers_[std::size_t(layer.around)].kind;
  return around != LayerKind::kMount && around != LayerKind::kReadOnly;
}

// Whether what the skeleton would have at `path` belongs to something that is mounted there.
bool RootPlanner::is_shadowed(const std::string& path) const {
  return std::any_of(layers_.begin(), layers_.end(), [&path](const Layer& layer) {
    return layer.kind == LayerKind::kMount && is_within(path, layer.path);
  });
}

Result<std::uint32_t> RootPlanner::add_source(const std::string& path, bool read_only, bool mapped,
                                              const std::string& rule) {
  // Policies name sources without links: one on the way was made since, perhaps by a sandbox.
  const OwnedFd file = TRY(sys::openat2(AT_FDCWD, path, O_PATH, RESOLVE_NO_SYMLINKS));
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
  if (std::none_of(layers_.begin(), layers_.end(),
                   [](const Layer& layer) { return is_within(layer.path, "/var/tmp"); })) {
    link("/var/tmp", "/tmp");
  }
  link("/var/run", "/run");
  for (const auto& [path, target] : policy_.links) {
    if (!is_shadowed(path)) link(path, target);
  }
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

// Small system files are copied once: a mount each would be paid for in every call.
Result<bool> RootPlanner::is_copied(const Layer& layer) const {
  const MountRule& rule = layer.mount;
  if (rule.access == Access::kWrite || rule.ownership == Ownership::kMapped) return false;
  if (!is_within(rule.destination, "/etc") || layer.around >= 0) return false;
  return S_ISREG(TRY(sys::stat(rule.source)).st_mode);
}

Status RootPlanner::add_mount(const Layer& layer) {
  const MountRule& rule = layer.mount;
  if (TRY(is_copied(layer))) {
    plan_.root_ops.push_back(
        {.kind = RootOpKind::kCopy, .target = rule.destination, .text = rule.source, .mode = 0644});
    return {};
  }
  const std::uint32_t source = TRY(add_source(rule.source, rule.access == Access::kRead,
                                              rule.ownership == Ownership::kMapped, rule.rule));
  const std::uint32_t mode = makes_point(layer) ? 0755 : 0;
  if (layer.every_call) {
    plan_.call_ops.push_back(
        {.kind = CallOpKind::kMount, .target = layer.path, .source = source, .mode = mode});
  } else {
    plan_.root_ops.push_back(
        {.kind = RootOpKind::kMount, .target = layer.path, .source = source, .mode = mode});
  }
  return {};
}

void RootPlanner::add_in_memory(const Layer& layer) {
  // The tree itself is read-only when calls come.
  if (layer.around < 0) directory(layer.path);
  plan_.call_ops.push_back({.kind = CallOpKind::kTmpfs,
                            .target = layer.path,
                            .text = layer.rule,
                            .source = makes_point(layer) ? 1U : 0U,
                            .mode = layer.mode,
                            .bytes = layer.bytes});
}

void RootPlanner::add_hidden(const Layer& layer) {
  constexpr std::uint64_t kRoomForMountPoints = 1U << 20;
  if (layer.holds_others && layer.around < 0) directory(layer.path);
  plan_.call_ops.push_back({.kind = CallOpKind::kHide,
                            .target = layer.path,
                            .source = makes_point(layer) ? 1U : 0U,
                            .bytes = layer.holds_others ? kRoomForMountPoints : 0});
}

Status RootPlanner::add_layers() {
  // Covers find out where a link leads by this process's /proc.
  plan_.call_ops.push_back({.kind = CallOpKind::kDevpts, .target = "/dev/pts"});
  plan_.call_ops.push_back({.kind = CallOpKind::kProc, .target = "/proc"});
  for (const Layer& layer : layers_) {
    switch (layer.kind) {
      case LayerKind::kMount:
        TRY(add_mount(layer));
        break;
      case LayerKind::kReadOnly: {
        const std::string& outer = layers_[std::size_t(layer.around)].path;
        plan_.call_ops.push_back({.kind = CallOpKind::kProtect,
                                  .target = outer,
                                  .text = layer.path.substr(outer.size() + 1),
                                  .mode = kProtectedByRule});
        break;
      }
      case LayerKind::kPrivate:
      case LayerKind::kTmpfs:
        add_in_memory(layer);
        break;
      case LayerKind::kHide:
        add_hidden(layer);
        break;
    }
  }
  for (const Layer& layer : layers_) {
    if (layer.kind == LayerKind::kHide && layer.holds_others) {
      plan_.call_ops.push_back({.kind = CallOpKind::kSeal, .target = layer.path});
    }
  }
  return {};
}

void RootPlanner::add_generated() {
  for (const GeneratedFile& file : policy_.files) {
    if (is_shadowed(file.path)) continue;
    plan_.root_ops.push_back(
        {.kind = RootOpKind::kFile, .target = file.path, .text = file.content, .mode = 0644});
  }
}

// Wherever the sandbox may write to the host's `directory`/`path`, it may not.
Status RootPlanner::protect(const std::string& directory, const std::string& path) {
  const std::string whole = directory + "/" + path;
  for (const Layer& layer : layers_) {
    if (!layer.writable_mount()) continue;
    const std::string& source = layer.mount.source;
    if (is_within(source, whole)) {
      return fail(
          input_error(ErrorCode::kPathRefused, "filesystem", source,
                      "programs of the host run what is in " + path + " of " + directory +
                          ", and " + layer.mount.rule + " would let a sandbox write there",
                      "Leave it out, or accept the danger: danger_unprotect = [\"" + path + "\"]"));
    }
    if (!is_within(whole, source)) continue;
    plan_.call_ops.push_back({.kind = CallOpKind::kProtect,
                              .target = layer.path,
                              .text = whole.substr(source.size() + 1)});
  }
  return {};
}

Status RootPlanner::add_protection() {
  for (const Workspace& workspace : policy_.workspaces) {
    for (const std::string& path : policy_.protected_directories) {
      TRY(protect(workspace.path, path));
    }
  }
  for (const auto& [directory, path] : surroundings_.protections) TRY(protect(directory, path));
  for (const auto& [directory, path] : surroundings_.set_id_files) TRY(protect(directory, path));
  return {};
}

// Last of all: what is taken away stays away whatever was mounted.
void RootPlanner::add_covers() {
  for (const char* name : kCoveredProc) {
    plan_.call_ops.push_back({.kind = CallOpKind::kHide, .target = std::string("/proc/") + name});
  }
  // What is hidden is not to be searched, and what is denied is denied where it would be hidden.
  for (const CoverKind kind : {CoverKind::kHide, CoverKind::kDeny}) {
    if (kind == CoverKind::kDeny) {
      for (const std::string& path : denied_paths(policy_)) {
        plan_.call_ops.push_back({.kind = CallOpKind::kDeny, .target = path});
      }
    }
    for (const CoverRule& cover : policy_.covers) {
      if (cover.kind != kind || !is_pattern(cover.path)) continue;
      plan_.call_ops.push_back({.kind = CallOpKind::kMatches,
                                .target = fixed_directory(cover.path),
                                .text = cover.path,
                                .mode = static_cast<std::uint32_t>(kind)});
    }
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
  allow(kScratchPath, Reach::kWrite);
  for (const Layer& layer : layers_) {
    const bool in_memory = layer.kind == LayerKind::kPrivate || layer.kind == LayerKind::kTmpfs;
    if (in_memory || layer.writable_mount()) allow(layer.path, Reach::kWrite);
  }
  // Each by itself: a stream that is the host's /dev/null is opened again by its name.
  for (const char* name : kDevices) allow(std::string("/dev/") + name, Reach::kDevice);
  allow("/dev/pts", Reach::kDevice);
}

Result<RootPlan> RootPlanner::make() {
  plan_.identity = policy_.identity;
  add_skeleton();
  TRY(add_devices());
  TRY(add_layers());
  add_generated();
  TRY(add_protection());
  add_covers();
  add_landlock();
  plan_.observe = policy_.observe.level;
  FilterOptions options;
  options.observe = plan_.observe;
  plan_.filters = TRY(compile_filters(policy_.syscalls, options));
  plan_.reading_task = TRY(compile_task_filters(TaskWrites::kNothing, Namespaces::kOwn));
  plan_.writing_task = TRY(compile_task_filters(TaskWrites::kFiles, Namespaces::kOwn));
  plan_.refusals = TRY(compile_refusals(policy_.syscalls));
  plan_.capabilities = TRY(capability_bits(policy_.capabilities));
  return std::move(plan_);
}

const char* name_of(RootOpKind kind) {
  constexpr const char* kNames[] = {"directory", "symlink", "file", "copy", "mount", "tmpfs"};
  return kNames[static_cast<std::size_t>(kind)];
}

const char* name_of(CallOpKind kind) {
  constexpr const char* kNames[] = {"tmpfs",   "mount",   "hide",   "seal", "deny",
                                    "matches", "protect", "devpts", "proc"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string filters_text(const char* what, const std::vector<FilterProgram>& filters) {
  std::string out;
  for (const FilterProgram& filter : filters) {
    out += std::string(what) + " of " + std::to_string(filter.bytes.size() / 8) + " instructions" +
           (filter.listener ? ", with a listener" : "") + "\n";
  }
  return out;
}

Error not_for_tasks() {
  return input_error(ErrorCode::kInvalidArgument, "command", "",
                     "a task is run instead of a program, and has no terminal and no open input",
                     "Give one of both, and the task's request as its standard input");
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
  return RootPlanner(policy, surroundings, TRY(layers_of(policy, surroundings))).make();
}

Result<CallPlan> plan_call(const Policy& policy, const Command& command) {
  TRY(check_settable(policy, command));
  CallPlan plan;
  const bool is_task = !command.task.empty();
  if (is_task &&
      (!command.argv.empty() || command.terminal.has_value() || command.notebook.valid() ||
       command.keep_stdin_open || command.stdin_pipe.valid())) {
    return fail(not_for_tasks());
  }
  plan.argv = command.argv;
  plan.task = command.task;
  plan.cwd = command.cwd.empty() ? policy.workspaces.front().path : command.cwd;
  plan.limits = command.limits;
  plan.process_rlimit = command.limits.processes;
  std::map<std::string, std::string> environment(policy.environment.begin(),
                                                 policy.environment.end());
  if (command.terminal.has_value()) {
    plan.terminal = command.terminal;
    environment["TERM"] = policy.terminal_type;
  }
  plan.has_notebook = command.notebook.valid();
  for (const auto& [name, value] : command.environment) environment[name] = value;
  for (const auto& [name, value] : environment) {
    if (name == "PATH") plan.path = value;
    plan.environment.push_back(name + "=" + value);
  }
  if (command.terminal.has_value() && command.stdin_pipe.valid()) {
    return fail(input_error(ErrorCode::kInvalidArgument, "terminal", "",
                            "a terminal cannot have a pipe as its input",
                            "Give the input as text, or run it without a terminal"));
  }
  if (plan.cwd.size() >= PATH_MAX) {
    return fail(input_error(ErrorCode::kInvalidArgument, "cwd", text::shorten(plan.cwd, 80),
                            "is longer than a path can be", "shorten it"));
  }
  const auto has_nul = [](const std::string& s) { return s.find('\0') != std::string::npos; };
  const bool nul = std::any_of(plan.argv.begin(), plan.argv.end(), has_nul) || has_nul(plan.cwd) ||
                   std::any_of(plan.environment.begin(), plan.environment.end(), has_nul);
  const bool nothing = plan.argv.empty() && !is_task;
  if (nothing || nul) {
    return fail(input_error(ErrorCode::kInvalidArgument, "command",
                            plan.argv.empty() ? "" : plan.argv[0],
                            nothing ? "there is nothing to run" : "it contains a NUL byte",
                            "Give a program and its arguments as text without NUL bytes"));
  }
  return plan;
}

const std::vector<FilterProgram>& filters_of(const RootPlan& plan, const Task* task) {
  if (task == nullptr) return plan.filters;
  return task->writes == TaskWrites::kFiles ? plan.writing_task : plan.reading_task;
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
  out += filters_text("filter", plan.filters) +
         filters_text("filter of reading tasks", plan.reading_task) +
         filters_text("filter of writing tasks", plan.writing_task);
  if (plan.capabilities != 0) {
    out += "keep " + text::join(capability_names(plan.capabilities), " ") + "\n";
  }
  return out;
}

}  // namespace mayfly::sandbox
