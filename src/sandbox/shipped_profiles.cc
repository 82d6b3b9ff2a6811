#include "sandbox/shipped_profiles.h"

#include "base/text.h"

namespace mayfly::sandbox {
namespace {

// What programs need of /etc to run: libraries, certificates, names of protocols, alternatives. No
// accounts, no keys, no host configuration.
const std::vector<std::string>& system_paths() {
  static const std::vector<std::string> paths = {
      "/usr",
      "/etc/alternatives",
      "/etc/bash.bashrc",
      "/etc/ca-certificates",
      "/etc/ca-certificates.conf",
      "/etc/crypto-policies",
      "/etc/debian_version",
      "/etc/fonts",
      "/etc/gai.conf",
      "/etc/gprofng.rc",
      "/etc/host.conf",
      "/etc/inputrc",
      "/etc/java-11-openjdk",
      "/etc/java-17-openjdk",
      "/etc/java-21-openjdk",
      "/etc/ld.so.cache",
      "/etc/ld.so.conf",
      "/etc/ld.so.conf.d",
      "/etc/localtime",
      "/etc/lsb-release",
      "/etc/magic",
      "/etc/mailcap",
      "/etc/maven",
      "/etc/mime.types",
      "/etc/nanorc",
      "/etc/networks",
      "/etc/os-release",
      "/etc/perl",
      "/etc/pki",
      "/etc/profile",
      "/etc/profile.d",
      "/etc/protocols",
      "/etc/python3",
      "/etc/python3.11",
      "/etc/python3.12",
      "/etc/python3.13",
      "/etc/rpc",
      "/etc/services",
      "/etc/shells",
      "/etc/ssl/certs",
      "/etc/ssl/openssl.cnf",
      "/etc/terminfo",
      "/etc/timezone",
      "/etc/vim",
      "/etc/xattr.conf",
  };
  return paths;
}

Profile default_profile() {
  Profile profile;
  profile.name = "default";
  for (const std::string& path : system_paths())
    profile.paths.push_back({{PathAccess::kRead, path}, {}});
  profile.workspace = {WorkspaceAccess::kReadWrite, {}};
  profile.toolchains = {{ToolchainChoice::Search::kAuto, {}}, {}};
  profile.cache = {CacheMode::kWorkspace, {}};
  profile.watched = {Watched{true, true}, {}};
  for (const std::string& group : syscall_groups()) {
    SyscallRule rule;
    rule.text = "@" + group;
    rule.group = group;
    profile.syscalls_allow.push_back({rule, {}});
  }
  return profile;
}

Profile readonly_profile() {
  Profile profile = default_profile();
  profile.name = "readonly";
  profile.workspace->value = WorkspaceAccess::kReadOnly;
  profile.cache->value = CacheMode::kOff;
  return profile;
}

Profile strict_profile() {
  Profile profile = readonly_profile();
  profile.name = "strict";
  profile.toolchains->value = {ToolchainChoice::Search::kOff, {}};
  std::erase_if(profile.syscalls_allow,
                [](const auto& rule) { return rule.value.group == "tracing"; });
  profile.watched = {Watched{false, false}, {}};
  profile.limits.memory_bytes = {1ULL << 30, {}};
  profile.limits.processes = {128, {}};
  return profile;
}

}  // namespace

std::vector<std::string> shipped_profiles() { return {"default", "readonly", "strict"}; }

Result<Profile> find_profile(const std::string& name) {
  if (name == "default") return default_profile();
  if (name == "readonly") return readonly_profile();
  if (name == "strict") return strict_profile();
  const std::string near = text::nearest(name, shipped_profiles());
  return fail(input_error(ErrorCode::kUnknownProfile, "profile", name, "there is no such profile",
                          near.empty() ? "Use one of: " + text::join(shipped_profiles(), ", ")
                                       : "Did you mean \"" + near + "\"?"));
}

}  // namespace mayfly::sandbox
