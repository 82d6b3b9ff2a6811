#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/sys.h"
#include "sandbox/linux/plan.h"
#include "sandbox/linux/seccomp_filter.h"
#include "sandbox/linux/syscall_gate.h"

// The plan of Tier::kLandlock: nothing is mounted, so every rule is about a path of the host's.
namespace mayfly::sandbox {
namespace {

// As harmless as the files that the policy generates for the full tier, which stand for these.
constexpr const char* kSystemFiles[] = {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf",
                                        "/etc/hosts"};
constexpr const char* kDevices[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                    "/dev/random", "/dev/urandom", "/dev/tty"};
// Of /proc no process is shown but the program itself (payload.cc).
constexpr const char* kProcFiles[] = {"/proc/cpuinfo",
                                      "/proc/filesystems",
                                      "/proc/loadavg",
                                      "/proc/meminfo",
                                      "/proc/stat",
                                      "/proc/uptime",
                                      "/proc/version",
                                      "/proc/sys/kernel",
                                      "/proc/sys/fs/pipe-max-size",
                                      "/proc/sys/fs/file-max",
                                      "/proc/sys/vm/max_map_count",
                                      "/proc/sys/vm/overcommit_memory",
                                      "/proc/sys/net/core/somaxconn"};

Error refuse(const std::string& field, const std::string& value, const std::string& why,
             const std::string& remedy) {
  return input_error(ErrorCode::kHostCannotEnforce, field, value,
                     why + ", which the tier landlock cannot prevent", remedy);
}

// A rule cannot be taken back below it. So a directory that holds something hidden is not allowed
// itself, only each of its entries that neither is nor holds it.
class ReadRules {
 public:
  explicit ReadRules(const Policy& policy) {
    for (const CoverRule& cover : policy.covers) {
      const std::string real = real_path(cover.path);
      hidden_.push_back(real);
      if (cover.kind == CoverKind::kDeny && !real.empty()) denied_.push_back(real);
    }
  }

  // Below something hidden a more specific rule shows again, below something denied none does.
  bool is_denied(const std::string& path) const {
    const std::string real = real_path(path);
    return std::any_of(denied_.begin(), denied_.end(),
                       [&real](const std::string& denied) { return is_within(real, denied); });
  }

  void add(const std::string& path) {
    if (is_denied(path)) return;
    const std::string real = real_path(path);
    const bool allowed =
        std::any_of(rules_.begin(), rules_.end(),
                    [&real](const LandlockRule& rule) { return is_within(real, rule.path); });
    if (!allowed && !real.empty()) add_around_hidden(real);
  }
  std::vector<LandlockRule> take() { return std::move(rules_); }

 private:
  // Rules and hidden paths must meet: both without links. Empty for what is not there.
  static std::string real_path(const std::string& path) { return sys::realpath(path).value_or(""); }

  void add_around_hidden(const std::string& path) {
    const auto holds = [&path](const std::string& hidden) { return is_within(hidden, path); };
    if (std::find(hidden_.begin(), hidden_.end(), path) != hidden_.end()) return;
    if (std::none_of(hidden_.begin(), hidden_.end(), holds)) {
      rules_.push_back({path, Reach::kRead});
      return;
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(path.c_str()), ::closedir);
    if (list == nullptr) return;
    while (const dirent* entry = ::readdir(list.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == ".." || entry->d_type == DT_LNK) continue;
      add_around_hidden(path + "/" + name);
    }
  }

  std::vector<std::string> hidden_;
  std::vector<std::string> denied_;
  std::vector<LandlockRule> rules_;
};

constexpr const char* kOtherTier = "Leave the rule out, or use the tier full";

// What is allowed in a directory is allowed in everything below it.
const MountRule* writable_around(const Policy& policy, const std::string& path) {
  const auto found =
      std::find_if(policy.mounts.begin(), policy.mounts.end(), [&path](const MountRule& rule) {
        return rule.access == Access::kWrite && is_within(path, rule.destination);
      });
  return found == policy.mounts.end() ? nullptr : &*found;
}

Status check_rules(const Policy& policy) {
  for (const CoverRule& cover : policy.covers) {
    const std::string field = std::string("filesystem.") + to_string(cover.kind);
    if (is_pattern(cover.path)) {
      return fail(refuse(field, cover.path, "what matches may come to be there during a call",
                         "Name the paths themselves, or use the tier full"));
    }
    if (const MountRule* around = writable_around(policy, cover.path)) {
      return fail(refuse(field, cover.path,
                         "it can be read in " + around->destination +
                             ", where "
                             "everything can be written",
                         kOtherTier));
    }
  }
  for (const MountRule& rule : policy.mounts) {
    if (rule.source != rule.destination) {
      return fail(refuse("filesystem", rule.source, "it is to be seen at " + rule.destination,
                         "Use it at its own path"));
    }
    const MountRule* around =
        rule.access == Access::kRead ? writable_around(policy, rule.destination) : nullptr;
    if (around != nullptr) {
      return fail(refuse("filesystem.read", rule.destination,
                         "everything in " + around->destination + " can be written", kOtherTier));
    }
  }
  for (const TmpfsRule& rule : policy.tmpfs) {
    return fail(refuse("filesystem.tmpfs", rule.destination,
                       "what is there on the host stays in view", kOtherTier));
  }
  return {};
}

Status check(const Policy& policy, const Surroundings& surroundings) {
  for (const MountRule& rule : policy.mounts) {
    if (rule.ownership == Ownership::kMapped) {
      return fail(
          refuse("workspace", rule.source,
                 "it belongs to root, whose files a sandbox must not write as root",
                 "Give the directory to an ordinary user with chown, or run Mayfly as one"));
    }
  }
  if (!policy.capabilities.empty()) {
    return fail(refuse("capabilities.danger_keep", policy.capabilities.front(),
                       "without a user namespace of its own it would be one over the host",
                       "Use a host with user namespaces, or a profile that keeps none"));
  }
  if (!policy.network.publish.empty()) {
    // The network is the host's there, and so is every port of it.
    return fail(
        input_error(ErrorCode::kHostCannotEnforce, "network.publish",
                    std::to_string(policy.network.publish.front()),
                    "without a network of its own a call cannot have a job's ports to itself",
                    "Use a host with user namespaces, or a profile that publishes nothing"));
  }
  for (const auto& [workspace, path] : surroundings.set_id_files) {
    return fail(refuse("workspace", workspace + "/" + path,
                       "a program could change this set-id file, which keeps its set-id bits",
                       "Take them away: chmod ug-s " + workspace + "/" + path));
  }
  return {};
}

}  // namespace

Result<RootPlan> plan_landlock_root(const Policy& policy, const Surroundings& surroundings) {
  TRY(check(policy, surroundings));
  TRY(check_rules(policy));
  RootPlan plan;
  plan.tier = Tier::kLandlock;
  plan.identity = policy.identity;
  ReadRules reads(policy);
  // The policy's links are there on the host, and lead to what is allowed under its own name.
  for (const MountRule& rule : policy.mounts) {
    if (rule.access == Access::kRead) reads.add(rule.source);
  }
  for (const char* path : kSystemFiles) reads.add(path);
  for (const char* path : kProcFiles) {
    if (::access(path, R_OK) == 0) reads.add(path);
  }
  plan.landlock = reads.take();
  for (const MountRule& rule : policy.mounts) {
    if (rule.access != Access::kWrite || reads.is_denied(rule.source)) continue;
    plan.landlock.push_back({rule.source, Reach::kWrite});
  }
  for (const char* path : kDevices) plan.landlock.push_back({path, Reach::kDevice});
  FilterOptions options;
  options.namespaces = Namespaces::kHosts;
  options.observe = plan.observe = policy.observe.level;
  plan.filters = TRY(compile_filters(policy.syscalls, options));
  plan.reading_task = TRY(compile_task_filters(TaskWrites::kNothing, Namespaces::kHosts));
  plan.writing_task = TRY(compile_task_filters(TaskWrites::kFiles, Namespaces::kHosts));
  plan.refusals = TRY(compile_refusals(policy.syscalls));
  return plan;
}

void use_private_directory(CallPlan& plan, const Policy& policy, const std::string& directory) {
  plan.private_directory = directory;
  const auto starts = [](const char* prefix) {
    return [prefix](const std::string& variable) { return variable.starts_with(prefix); };
  };
  auto& variables = plan.environment;
  // What the caller itself set stays.
  std::erase(variables, std::string("SCRATCH=") + kScratchPath);
  const auto own_home =
      std::find(variables.begin(), variables.end(), "HOME=" + policy.identity.home);
  if (own_home != variables.end()) *own_home = "HOME=" + directory + "/home";
  if (std::none_of(variables.begin(), variables.end(), starts("TMPDIR="))) {
    variables.push_back("TMPDIR=" + directory + "/tmp");
  }
  // The host's /etc/gitconfig cannot be read, over which git would fail.
  variables.emplace_back("GIT_CONFIG_NOSYSTEM=1");
}

}  // namespace mayfly::sandbox
