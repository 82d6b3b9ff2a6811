#include "sandbox/identity.h"

#include <fcntl.h>

#include "base/sys.h"
#include "sandbox/git_config.h"

namespace mayfly::sandbox {
namespace {

constexpr const char* kSpareUser = "sandbox";
constexpr const char* kSpareHome = "/home/sandbox";
constexpr uid_t kSpareInsideUid = 1000;

// A name is quoted as git wants it; a line end cannot be in it.
std::string git_quoted(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c != '\n') out += c;
  }
  return out + "\"";
}

}  // namespace

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
      {"/etc/resolv.conf",
       "# Answers that there is no such name: there is no network in this sandbox.\n"
       "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"},
      {"/etc/nsswitch.conf",
       "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
       "protocols: files\nservices: files\nethers: files\nrpc: files\n"},
      {"/etc/machine-id", "00000000000000000000000000000000\n"},
  };
  if (!git_identity.empty()) files.push_back({"/etc/gitconfig", git_identity});
  return files;
}

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

}  // namespace mayfly::sandbox
