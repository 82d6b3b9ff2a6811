#include "sandbox/host_user.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace mayfly::sandbox {
namespace {

std::string own_root(const HostUser& user, const char* variable, const char* below_home) {
  const char* chosen = user.uid == geteuid() ? std::getenv(variable) : nullptr;
  if (chosen != nullptr && chosen[0] == '/') return std::string(chosen) + "/mayfly";
  if (user.home.empty() || access(user.home.c_str(), W_OK | X_OK) < 0) return "";
  return user.home + below_home + "/mayfly";
}

}  // namespace

HostUser host_user(uid_t uid) {
  HostUser user{uid, static_cast<gid_t>(uid), std::to_string(uid), ""};
  const bool own = uid == geteuid();
  if (own) user.gid = getegid();

  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    user.gid = entry.pw_gid;
    user.name = entry.pw_name;
    user.home = entry.pw_dir;
  }
  const char* home = own ? std::getenv("HOME") : nullptr;
  if (home != nullptr && home[0] == '/') user.home = home;
  if (user.home.empty() || user.home.front() != '/') user.home.clear();
  while (user.home.size() > 1 && user.home.back() == '/') user.home.pop_back();
  return user;
}

std::string state_root(const HostUser& user) {
  return own_root(user, "XDG_STATE_HOME", "/.local/state");
}

std::string cache_root(const HostUser& user) { return own_root(user, "XDG_CACHE_HOME", "/.cache"); }

}  // namespace mayfly::sandbox
