#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/identity.h"
#include "sandbox/policy.h"
#include "sandbox/protected_paths.h"
#include "sandbox/toolchains.h"

// From a profile to a policy: every wish becomes a path, a number or a variable of this host.
namespace mayfly::sandbox {
namespace {

using settings::Location;

std::string variable(const Host& host, const std::string& name, const std::string& otherwise = "") {
  for (const auto& [key, value] : host.environment) {
    if (key == name) return value;
  }
  return otherwise;
}

class Resolver {
 public:
  Resolver(const Profile& profile, const Host& host) : profile_(profile), host_(host) {}

  Result<Policy> resolve() {
    policy_.profile = profile_.name;
    policy_.profile_at = profile_.at;
    policy_.workspace_access = workspace_of(profile_);
    if (host_.workspaces.empty()) {
      return fail(input_error(ErrorCode::kWorkspaceUnusable, "workspace", "", "there is none",
                              "name one with --workspace"));
    }
    for (const std::string& path : host_.workspaces) {
      policy_.workspaces.push_back(TRY(open_workspace(path, host_.user)));
    }
    policy_.identity = TRY(resolve_identity(host_, policy_.workspaces));
    if (profile_.user) policy_.identity.user = profile_.user->value;
    if (profile_.hostname) policy_.identity.hostname = profile_.hostname->value;
    add_system();
    add_toolchains();
    add_cache();
    TRY(add_workspaces());
    TRY(add_paths());
    TRY(add_binds());
    add_tmpfs();
    policy_.files = identity_files(policy_.identity, git_identity(host_.user.home));
    set_environment();
    set_limits();
    set_rules();
    TRY(check_syscalls(policy_.syscalls));
    std::stable_sort(policy_.mounts.begin(), policy_.mounts.end(),
                     [](const auto& a, const auto& b) { return a.destination < b.destination; });
    return std::move(policy_);
  }

 private:
  std::string rule_name(const std::string& key) const { return profile_.name + ": " + key; }

  // Of two rules about one place the later one holds. A source is kept without links, and is opened
  // without them: what is a link later was made meanwhile, perhaps by a sandbox.
  void mount(const std::string& source, std::string destination, Access access, Ownership ownership,
             const std::string& key, const Location& at = {}) {
    std::error_code error;
    std::string real = std::filesystem::canonical(source, error).string();
    if (error) real = source;
    std::erase_if(policy_.mounts,
                  [&](const MountRule& other) { return other.destination == destination; });
    policy_.mounts.push_back(
        {std::move(real), std::move(destination), access, ownership, rule_name(key), at});
  }

  // Whether a path of a workspace leads somewhere else: a sandbox can make it so, and then no rule
  // means it.
  bool is_led_astray(const std::string& path) const {
    std::error_code error;
    return in_workspace(path) && std::filesystem::canonical(path, error).string() != path;
  }

  // A link stays a link, so that what it points to is what the sandbox shows there.
  void add_read(const std::string& path, const std::string& key, const Location& at = {}) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) < 0 || is_led_astray(path)) return;
    if (S_ISLNK(info.st_mode)) {
      if (const auto target = sys::readlink(path)) policy_.links.emplace_back(path, *target);
    } else if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
      mount(path, path, Access::kRead, ownership_in(path), key, at);
    }
  }

  // Where /usr is shown, so are the links that lead into it.
  void add_system() {
    const bool shown =
        std::any_of(profile_.paths.begin(), profile_.paths.end(), [](const auto& rule) {
          return rule.value.access == PathAccess::kRead && rule.value.path == "/usr";
        });
    if (!shown) return;
    for (const char* path : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
      add_read(path, "system");
    }
  }

  void add_toolchains() {
    if (!profile_.toolchains) return;
    const ToolchainChoice& choice = profile_.toolchains->value;
    if (choice.search == ToolchainChoice::Search::kOff) return;
    ToolchainQuery query;
    query.path_variable = variable(host_, "PATH");
    query.home = host_.user.home;
    if (choice.search == ToolchainChoice::Search::kOnly) query.only = choice.only;
    for (const Workspace& workspace : policy_.workspaces)
      query.workspaces.push_back(workspace.path);
    ToolchainSet found = find_toolchains(query);
    for (const Toolchain& chain : found.toolchains) {
      const std::string key = "toolchains (" + chain.name + ")";
      for (const std::string& path : chain.read_only_paths) {
        mount(path, path, Access::kRead, Ownership::kAsOnHost, key, profile_.toolchains->at);
      }
      for (const std::string& path : chain.hidden_paths) {
        policy_.covers.push_back({path, CoverKind::kHide, rule_name(key), profile_.toolchains->at});
      }
    }
    path_ = std::move(found.path);
  }

  // Root's own files, where the sandbox cannot be root: shown to it as its own.
  Ownership ownership() const {
    const bool spare = host_.user.uid == 0 && policy_.identity.host_uid == kSpareUid;
    return spare ? Ownership::kMapped : Ownership::kAsOnHost;
  }
  bool in_workspace(const std::string& path) const {
    return std::any_of(policy_.workspaces.begin(), policy_.workspaces.end(),
                       [&](const Workspace& each) { return is_within(path, each.path); });
  }
  Ownership ownership_in(const std::string& path) const {
    return in_workspace(path) ? ownership() : Ownership::kAsOnHost;
  }

  void add_cache() {
    const bool kept = profile_.cache && profile_.cache->value == CacheMode::kWorkspace;
    if (!kept || host_.cache_root.empty()) return;
    const bool mapped = ownership() == Ownership::kMapped;
    policy_.cache = CachePolicy{host_.cache_root, policy_.workspaces.front().path, ownership(),
                                mapped ? host_.user.uid : policy_.identity.host_uid,
                                mapped ? host_.user.gid : policy_.identity.host_gid};
  }

  Status add_workspaces() {
    const Access access =
        policy_.workspace_access == WorkspaceAccess::kReadWrite ? Access::kWrite : Access::kRead;
    for (const auto& each : profile_.protect) policy_.protect.push_back(each.value);
    for (const auto& each : profile_.danger_unprotect) policy_.unprotect.push_back(each.value);
    std::set<std::string> protections(policy_.unprotect.begin(), policy_.unprotect.end());
    const Location at = profile_.workspace ? profile_.workspace->at : Location{};
    for (const Workspace& workspace : policy_.workspaces) {
      mount(workspace.path, workspace.path, access, ownership(), "workspace", at);
      for (const std::string& path : TRY(protected_directories(workspace))) {
        if (protections.insert(path).second) policy_.protected_directories.push_back(path);
      }
    }
    return {};
  }

  // The paths that a rule's text stands for: one for each workspace that it speaks of.
  std::vector<std::string> expanded(const std::string& text) const {
    return expanded(text, [](const std::string& value) { return value; });
  }
  // The same as patterns: a directory that happens to be called "[a]" means itself.
  std::vector<std::string> expanded_patterns(const std::string& text) const {
    return expanded(text, [](const std::string& value) {
      std::string out;
      for (const char c : value) {
        if (is_pattern({&c, 1})) out += '\\';
        out += c;
      }
      return out;
    });
  }
  template <typename Spelling>
  std::vector<std::string> expanded(const std::string& text, Spelling spelling) const {
    std::vector<std::string> out;
    for (const auto& [name, values] : variables()) {
      if (!text.starts_with(name)) continue;
      for (const std::string& value : values) {
        out.push_back(normal(spelling(value) + text.substr(name.size())));
      }
      return out;
    }
    return {normal(text)};
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> variables() const {
    std::vector<std::string> workspaces;
    for (const Workspace& each : policy_.workspaces) workspaces.push_back(each.path);
    return {
        {"${workspace}", workspaces}, {"${home}", {policy_.identity.home}}, {"${tmp}", {"/tmp"}}};
  }
  static std::string normal(const std::string& path) {
    std::string out = std::filesystem::path(path).lexically_normal().string();
    while (out.size() > 1 && out.back() == '/') out.pop_back();
    return out;
  }

  Status add_paths() {
    for (const settings::Located<PathRule>& rule : profile_.paths) {
      const std::string key = std::string("filesystem.") + to_string(rule.value.access);
      for (const std::string& path : expanded_patterns(rule.value.path)) {
        switch (rule.value.access) {
          case PathAccess::kHide:
          case PathAccess::kDeny:
            TRY(check_cover(path, key, rule.at));
            policy_.covers.push_back(
                {path, rule.value.access == PathAccess::kHide ? CoverKind::kHide : CoverKind::kDeny,
                 rule_name(key), rule.at});
            break;
          case PathAccess::kRead:
            for (const std::string& found : on_host(path)) {
              TRY(check_readable(found, key, rule.at));
              add_read(found, key, rule.at);
            }
            break;
          case PathAccess::kWrite:
            for (const std::string& found : on_host(path)) TRY(add_write(found, key, rule.at));
            break;
        }
      }
    }
    return {};
  }

  // Each is looked for at every call, a pattern in all that it can match.
  Status check_cover(const std::string& path, const std::string& key, const Location& at) const {
    constexpr std::ptrdiff_t kMostPatterns = 64;
    constexpr std::size_t kMostCovers = 1024;
    const auto refuse = [&](ErrorCode code, const std::string& why, const std::string& remedy) {
      return fail(input_error(code, to_string(at) + " " + key, path, why, remedy));
    };
    const auto patterns =
        std::count_if(policy_.covers.begin(), policy_.covers.end(),
                      [](const CoverRule& cover) { return is_pattern(cover.path); });
    if (policy_.covers.size() >= kMostCovers || (is_pattern(path) && patterns >= kMostPatterns)) {
      return refuse(ErrorCode::kInvalidConfiguration,
                    "is one of more than 1024 hidden and denied paths, or 64 patterns",
                    "name the directories that hold them");
    }
    // A sandbox could put another link in its place, and what this one led to would be seen.
    std::error_code error;
    const bool link = std::filesystem::is_symlink(std::filesystem::symlink_status(path, error));
    if (link && in_workspace(path)) {
      return refuse(ErrorCode::kPathRefused, "is a symbolic link, which a sandbox can replace",
                    "name what it leads to");
    }
    return {};
  }

  // Under its other name nothing of it would be covered.
  Status check_bind_shows(const std::string& source, const Location& at) const {
    for (const CoverRule& cover : policy_.covers) {
      const std::string top = is_pattern(cover.path) ? fixed_directory(cover.path) : cover.path;
      if (!is_within(top, source) && !is_within(source, top)) continue;
      if (cover.rule.find("filesystem.") == std::string::npos) continue;
      return fail(input_error(ErrorCode::kInvalidConfiguration, to_string(at) + " filesystem.bind",
                              source,
                              "would show under another name what " + cover.rule + " \"" +
                                  cover.path + "\" (" + to_string(cover.at) + ") covers",
                              "bind a directory without it"));
    }
    return {};
  }

  // What of the host a pattern means now.
  static std::vector<std::string> on_host(const std::string& path) {
    if (!is_pattern(path)) return {path};
    return find_matches(path);
  }

  // What a pattern matches has not been looked at when the profile was read, nor which home it is.
  Status check_readable(const std::string& path, const std::string& key, const Location& at) const {
    std::error_code error;
    const std::string real = std::filesystem::canonical(path, error).string();
    const auto refuse = [&](const std::string& why) {
      return fail(input_error(ErrorCode::kInvalidConfiguration, to_string(at) + " " + key, path,
                              why, "name what is needed below it"));
    };
    // A link is shown as a link, wherever it leads; only what is above it may lead elsewhere.
    const bool link = std::filesystem::is_symlink(std::filesystem::symlink_status(path, error));
    for (const std::string& each : {path, link ? path : real}) {
      if (each.empty()) continue;
      for (const char* own : {"/proc", "/sys", "/dev", "/scratch"}) {
        if (is_within(each, own)) return refuse("is the sandbox's own");
      }
      for (const std::string& home : {policy_.identity.home, usable_home(host_.user.home)}) {
        if (!is_within(home, each)) continue;
        return refuse("holds the home directory " + home + ", with keys, histories and settings");
      }
      for (const char* homes : {"/home", "/root"}) {
        if (each == homes) return refuse("holds keys, histories and settings");
      }
    }
    return {};
  }

  Status add_write(const std::string& path, const std::string& key, const Location& at) {
    struct stat info {};
    if (::stat(path.c_str(), &info) < 0) return {};
    TRY(check_writable(path, key, at));
    mount(path, path, Access::kWrite, info.st_uid == 0 ? ownership() : Ownership::kAsOnHost, key,
          at);
    return {};
  }

  // What may be a workspace may be written, and what is in one is.
  Status check_writable(const std::string& path, const std::string& key, const Location& at) const {
    std::error_code error;
    const std::string real = std::filesystem::canonical(path, error).string();
    const bool inside = in_workspace(path);
    if (!error && real == path && (inside || judge_writable(path, host_.user))) return {};
    const std::string why = error || real != path ? "it leads over a symbolic link"
                                                  : "a sandbox must never write there";
    return fail(input_error(ErrorCode::kWorkspaceRefused, to_string(at) + " " + key, path, why,
                            "name a directory that is meant to be written, by its real path"));
  }

  // What is protected in a workspace is protected at the place where it belongs, and nowhere else.
  Status check_writable_elsewhere(const std::string& path, const Location& at) const {
    constexpr const char* kKey = "filesystem.bind";
    TRY(check_writable(path, kKey, at));
    for (const Workspace& each : policy_.workspaces) {
      if (!is_within(path, each.path) && !is_within(each.path, path)) continue;
      return fail(input_error(ErrorCode::kPathRefused, to_string(at) + " " + kKey, path,
                              "its protected paths could be written at the other place",
                              "use filesystem.write, or leave out write = true"));
    }
    return {};
  }

  Status add_binds() {
    for (const settings::Located<Bind>& bind : profile_.binds) {
      for (const std::string& source : expanded(bind.value.source)) {
        struct stat info {};
        if (::stat(source.c_str(), &info) < 0) continue;
        TRY(check_readable(source, "filesystem.bind", bind.at));
        if (is_led_astray(source)) {
          return fail(input_error(ErrorCode::kPathRefused, to_string(bind.at) + " filesystem.bind",
                                  source, "leads over a symbolic link in a workspace",
                                  "name the directory by its real path"));
        }
        TRY(check_bind_shows(source, bind.at));
        if (bind.value.writable) TRY(check_writable_elsewhere(source, bind.at));
        const Access access = bind.value.writable ? Access::kWrite : Access::kRead;
        const bool roots = bind.value.writable && info.st_uid == 0;
        mount(source, expanded(bind.value.destination).front(), access,
              roots ? ownership() : Ownership::kAsOnHost, "filesystem.bind", bind.at);
      }
    }
    return {};
  }

  void add_tmpfs() {
    for (const settings::Located<PrivateDirectory>& each : profile_.tmpfs) {
      for (const std::string& path : expanded(each.value.path)) {
        policy_.tmpfs.push_back({path, each.value.bytes, rule_name("filesystem.tmpfs"), each.at});
      }
    }
  }

  void set_environment() {
    const auto set = [this](const std::string& name, const std::string& value) {
      for (auto& [key, current] : policy_.environment) {
        if (key == name) {
          current = value;
          return;
        }
      }
      policy_.environment.emplace_back(name, value);
    };
    for (const char* directory :
         {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}) {
      const bool listed = std::find(path_.begin(), path_.end(), directory) != path_.end();
      if (!listed && ::access(directory, X_OK) == 0) path_.emplace_back(directory);
    }
    set("PATH", text::join(path_, ":"));
    set("HOME", policy_.identity.home);
    set("USER", policy_.identity.user);
    set("LOGNAME", policy_.identity.user);
    set("SHELL", "/bin/bash");
    set("LANG", variable(host_, "LANG", "C.UTF-8"));
    if (const std::string zone = variable(host_, "TZ"); !zone.empty()) set("TZ", zone);
    set("TERM", "dumb");
    set("SCRATCH", kScratchPath);
    set("GIT_TERMINAL_PROMPT", "0");
    // It asks the network for a newer npm, and nobody wants to know.
    set("npm_config_update_notifier", "false");
    for (const char* pager : {"PAGER", "GIT_PAGER", "MANPAGER"}) set(pager, "cat");
    for (const auto& name : profile_.environment_pass) {
      for (const auto& [key, value] : host_.environment) {
        if (!names_variable(name.value, key)) continue;
        set(key, value);
        if (key == "TERM") policy_.terminal_type = value;
      }
    }
    for (const auto& each : profile_.environment_set) {
      set(each.value.first, expanded_text(each.value.second));
      if (each.value.first == "TERM") policy_.terminal_type = expanded_text(each.value.second);
    }
    std::sort(policy_.environment.begin(), policy_.environment.end());
    if (profile_.environment_settable) {
      policy_.settable_variables = profile_.environment_settable->value;
    }
  }

  // A value with its variables replaced; of several workspaces the first.
  std::string expanded_text(std::string out) const {
    for (const auto& [name, values] : variables()) {
      for (std::size_t at = out.find(name); at != std::string::npos;
           at = out.find(name, at + values.front().size())) {
        out.replace(at, name.size(), values.front());
      }
    }
    return out;
  }

  void set_limits() {
    policy_.limits = limits_of(profile_);
    policy_.accepts_watched = watched_of(profile_);
    policy_.weakest_tier = tier_of(profile_);
    // An ordinary process cannot raise its own hard limits.
    const auto lower = [](int resource, std::uint64_t& limit) {
      struct rlimit hard {};
      if (::getrlimit(static_cast<__rlimit_resource>(resource), &hard) == 0) {
        limit = std::min<std::uint64_t>(limit, hard.rlim_max);
      }
    };
    lower(RLIMIT_NOFILE, policy_.limits.open_files);
    // A program may put about as many descriptors in flight as it may have open, and no process of
    // its uid can pass any above its own limit: the server and other calls keep a sixteenth more.
    struct rlimit files {};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
      policy_.limits.open_files =
          std::min<std::uint64_t>(policy_.limits.open_files, files.rlim_max / 16 * 15);
    }
    lower(RLIMIT_NPROC, policy_.limits.processes);
    lower(RLIMIT_FSIZE, policy_.limits.file_bytes);
  }

  // What needs no host: each rule with the place that it comes from.
  template <typename Rule>
  std::vector<Rule> rules_of(const List<Rule>& list, const char* key) const {
    std::vector<Rule> out;
    for (const auto& each : list) {
      out.push_back(each.value);
      out.back().rule = rule_name(key);
      out.back().at = each.at;
    }
    return out;
  }

  void set_rules() {
    if (profile_.network) policy_.network.mode = profile_.network->value;
    policy_.network.allow = rules_of(profile_.network_allow, "network.allow");
    policy_.network.deny = rules_of(profile_.network_deny, "network.deny");
    for (const auto& each : profile_.network_hosts) policy_.network.hosts.push_back(each.value);
    for (const auto& each : profile_.network_publish) {
      policy_.network.publish.push_back(each.value);
    }
    policy_.syscalls.allow = rules_of(profile_.syscalls_allow, "syscalls.allow");
    policy_.syscalls.deny = rules_of(profile_.syscalls_deny, "syscalls.deny");
    policy_.syscalls.danger_allow =
        rules_of(profile_.syscalls_danger_allow, "syscalls.danger_allow");
    const auto sorted = [](auto& list) {
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
    };
    for (const auto& each : profile_.capabilities_danger_keep) {
      policy_.capabilities.push_back(each.value);
    }
    sorted(policy_.capabilities);
    sorted(policy_.network.publish);
    for (const auto& each : profile_.requires_) policy_.requirements.push_back(each.value);
    sorted(policy_.requirements);
    if (profile_.observe) policy_.observe.level = profile_.observe->value;
    for (const auto& each : profile_.observe_ignore) policy_.observe.ignore.push_back(each.value);
  }

  const Profile& profile_;
  const Host& host_;
  Policy policy_;
  std::vector<std::string> path_;
};

}  // namespace

Result<Policy> resolve(const Profile& profile, const Host& host) {
  return Resolver(profile, host).resolve();
}

}  // namespace mayfly::sandbox
