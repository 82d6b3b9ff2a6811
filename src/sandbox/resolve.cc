#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/git_config.h"
#include "sandbox/policy.h"
#include "sandbox/protected_paths.h"
#include "sandbox/toolchains.h"

// From a profile to a policy: every wish becomes a path, a number or a variable of this host.
namespace mayfly::sandbox {
namespace {

constexpr const char* kSpareUser = "sandbox";
constexpr const char* kSpareHome = "/home/sandbox";
constexpr uid_t kSpareInsideUid = 1000;

std::string variable(const Host& host, const std::string& name, const std::string& otherwise = "") {
  for (const auto& [key, value] : host.environment) {
    if (key == name) return value;
  }
  return otherwise;
}

// A home can be put anywhere but over the system: users of services live in "/" or "/usr/sbin".
std::string usable_home(const std::string& home) {
  if (home.size() < 2 || home.front() != '/') return kSpareHome;
  for (const char* system : {"/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/dev", "/proc",
                             "/sys", "/run", "/boot", "/scratch", "/tmp"}) {
    // A home below /tmp is fine, /tmp itself is not.
    if (home == system || (system != std::string("/tmp") && is_within(home, system))) {
      return kSpareHome;
    }
  }
  return home;
}

// Who the sandbox is. An ordinary user's sandbox is that user. Root's is whoever owns the
// workspace; and where that is root too, a uid that nobody else has.
Result<Identity> resolve_identity(const Host& host, const std::vector<Workspace>& workspaces) {
  Identity identity;
  identity.hostname = "mayfly";
  if (host.user.uid != 0) {
    identity.host_uid = identity.inside_uid = host.user.uid;
    identity.host_gid = identity.inside_gid = host.user.gid != 0 ? host.user.gid : host.user.uid;
    identity.user = host.user.name;
    identity.home = usable_home(host.user.home);
    return identity;
  }
  const Workspace& first = workspaces.front();
  for (const Workspace& other : workspaces) {
    if (other.owner_uid == first.owner_uid) continue;
    return fail(input_error(ErrorCode::kWorkspaceUnusable, "workspace", other.path,
                            "it belongs to another user than " + first.path,
                            "Serve workspaces of different owners with a server each"));
  }
  if (first.owner_uid == 0) {
    identity.host_uid = identity.host_gid = kSpareUid;
    identity.inside_uid = identity.inside_gid = kSpareInsideUid;
    identity.user = kSpareUser;
    identity.home = usable_home(host.user.home);
    return identity;
  }
  const HostUser owner = host_user(first.owner_uid);
  identity.host_uid = identity.inside_uid = owner.uid;
  const gid_t gid = owner.gid != 0 ? owner.gid : first.owner_gid;
  identity.host_gid = identity.inside_gid = gid != 0 ? gid : owner.uid;
  identity.user = owner.name;
  identity.home = usable_home(owner.home);
  return identity;
}

// The files that tell programs who they are and where: ours, since the host's name every account.
std::vector<GeneratedFile> identity_files(const Identity& id, const std::string& git_identity) {
  const std::string uid = std::to_string(id.inside_uid);
  const std::string gid = std::to_string(id.inside_gid);
  std::string passwd = id.user + ":x:" + uid + ":" + gid + "::" + id.home + ":/bin/bash\n";
  std::string group = id.user + ":x:" + gid + ":\n";
  passwd += "root:x:0:0:root:/:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n";
  group += "root:x:0:\nnogroup:x:65534:\n";
  std::vector<GeneratedFile> files = {
      {"/etc/passwd", passwd},
      {"/etc/group", group},
      {"/etc/hostname", id.hostname + "\n"},
      {"/etc/hosts", "127.0.0.1 localhost " + id.hostname + "\n::1 localhost ip6-localhost\n"},
      {"/etc/resolv.conf", "# There is no network in this sandbox.\n"},
      {"/etc/nsswitch.conf",
       "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
       "protocols: files\nservices: files\nethers: files\nrpc: files\n"},
      {"/etc/machine-id", "00000000000000000000000000000000\n"},
  };
  if (!git_identity.empty()) files.push_back({"/etc/gitconfig", git_identity});
  return files;
}

// A name is quoted as git wants it; a line end cannot be in it.
std::string git_quoted(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c != '\n') out += c;
  }
  return out + "\"";
}

// Commits need a name. It comes in as git's system-wide configuration, so that a repository's own
// setting still wins, as it would not over an environment variable.
std::string git_identity(const std::string& home) {
  std::string out;
  for (const char* file : {"/.config/git/config", "/.gitconfig"}) {
    const auto fd = sys::open(home + file, O_RDONLY | O_NONBLOCK);
    if (!fd) continue;
    const auto text = sys::read_file(fd->get(), 1U << 20);
    if (!text) continue;
    const auto entries = parse_git_config(*text);
    if (!entries) continue;
    for (const GitConfigEntry& entry : *entries) {
      if (entry.key == "user.name") out += "\tname = " + git_quoted(entry.value) + "\n";
      if (entry.key == "user.email") out += "\temail = " + git_quoted(entry.value) + "\n";
    }
  }
  return out.empty() ? out : "[user]\n" + out;
}

class Resolver {
 public:
  Resolver(const Profile& profile, const Host& host) : profile_(profile), host_(host) {}

  Result<Policy> resolve() {
    policy_.profile = profile_.name;
    policy_.network = profile_.network;
    policy_.workspace_access = profile_.workspace;
    for (const std::string& path : host_.workspaces) {
      policy_.workspaces.push_back(TRY(open_workspace(path, host_.user)));
    }
    policy_.identity = TRY(resolve_identity(host_, policy_.workspaces));
    add_system();
    add_toolchains();
    add_cache();
    TRY(add_workspaces());
    policy_.files = identity_files(policy_.identity, git_identity(host_.user.home));
    set_environment();
    set_limits();
    std::stable_sort(policy_.mounts.begin(), policy_.mounts.end(),
                     [](const auto& a, const auto& b) { return a.destination < b.destination; });
    return std::move(policy_);
  }

 private:
  void mount(std::string source, std::string destination, Access access, Ownership ownership,
             std::string rule) {
    policy_.mounts.push_back({std::move(source), std::move(destination), access, ownership,
                              profile_.name + ": " + std::move(rule)});
  }

  // A link stays a link, so that what it points to is what the sandbox shows there.
  void add_read(const std::string& path, const std::string& rule) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) < 0) return;
    if (S_ISLNK(info.st_mode)) {
      if (const auto target = sys::readlink(path)) policy_.links.emplace_back(path, *target);
    } else if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
      mount(path, path, Access::kRead, Ownership::kAsOnHost, rule);
    }
  }

  void add_system() {
    for (const char* path : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
      add_read(path, "system");
    }
    for (const std::string& path : profile_.read) add_read(path, "filesystem.read");
  }

  void add_toolchains() {
    if (profile_.toolchains == ToolchainSearch::kOff) return;
    ToolchainQuery query;
    query.path_variable = variable(host_, "PATH");
    query.home = host_.user.home;
    for (const Workspace& workspace : policy_.workspaces)
      query.workspaces.push_back(workspace.path);
    ToolchainSet found = find_toolchains(query);
    for (const Toolchain& chain : found.toolchains) {
      for (const std::string& path : chain.read_only_paths) {
        mount(path, path, Access::kRead, Ownership::kAsOnHost, "toolchains (" + chain.name + ")");
      }
      policy_.hidden.insert(policy_.hidden.end(), chain.hidden_paths.begin(),
                            chain.hidden_paths.end());
    }
    path_ = std::move(found.path);
  }

  // Root's own files, where the sandbox cannot be root: shown to it as its own.
  Ownership ownership() const {
    const bool spare = host_.user.uid == 0 && policy_.identity.host_uid == kSpareUid;
    return spare ? Ownership::kMapped : Ownership::kAsOnHost;
  }

  void add_cache() {
    if (profile_.cache == CacheMode::kOff || host_.cache_root.empty()) return;
    const bool mapped = ownership() == Ownership::kMapped;
    policy_.cache = CachePolicy{host_.cache_root, policy_.workspaces.front().path, ownership(),
                                mapped ? host_.user.uid : policy_.identity.host_uid,
                                mapped ? host_.user.gid : policy_.identity.host_gid};
  }

  Status add_workspaces() {
    const Access access =
        profile_.workspace == WorkspaceAccess::kReadWrite ? Access::kWrite : Access::kRead;
    std::set<std::string> protections;
    for (const Workspace& workspace : policy_.workspaces) {
      mount(workspace.path, workspace.path, access, ownership(), "workspace");
      for (const std::string& path : TRY(protected_directories(workspace))) {
        if (protections.insert(path).second) policy_.protected_directories.push_back(path);
      }
    }
    return {};
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
    for (const char* pager : {"PAGER", "GIT_PAGER", "MANPAGER"}) set(pager, "cat");
    for (const auto& [name, value] : profile_.environment) set(name, value);
    std::sort(policy_.environment.begin(), policy_.environment.end());
  }

  void set_limits() {
    policy_.limits = profile_.limits;
    policy_.accepts_watched = profile_.accepts_watched;
    policy_.weakest_tier = profile_.weakest_tier;
    policy_.tracing = profile_.tracing;
    if (policy_.limits.memory_bytes == 0) {
      const std::uint64_t machine =
          std::uint64_t(::sysconf(_SC_PHYS_PAGES)) * std::uint64_t(::sysconf(_SC_PAGESIZE));
      policy_.limits.memory_bytes = std::max<std::uint64_t>(machine / 2, 2ULL << 30);
    }
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
