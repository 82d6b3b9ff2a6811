#include "sandbox/private_places.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "sandbox/toolchain_layouts.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

// Relative to a home. Not here: what programs look at without being asked to (~/.config/git,
// ~/.npmrc, ~/.cache), since a look at that says nothing.
constexpr std::string_view kSecrets[] = {
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".gcloud",
    ".mozilla",
    ".thunderbird",
    ".password-store",
    ".terraform.d",
    ".config/gcloud",
    ".config/gh",
    ".config/mayfly",
    ".config/google-chrome",
    ".config/chromium",
    ".local/share/keyrings",
};
constexpr std::string_view kSystemSecrets[] = {
    "/etc/shadow",         "/etc/shadow-",   "/etc/gshadow",    "/etc/gshadow-",
    "/etc/sudoers",        "/etc/sudoers.d", "/etc/ssh",        "/etc/ssl/private",
    "/etc/mayfly",         "/etc/security",  "/var/lib/mayfly", "/var/log",
    "/var/spool",          "/var/mail",      "/boot",           "/var/lib/docker",
    "/var/lib/postgresql", "/var/lib/mysql",
};
constexpr std::string_view kShared[] = {
    "/",          "/home",    "/etc",      "/var",       "/var/lib", "/var/cache",
    "/var/local", "/var/opt", "/opt",      "/srv",       "/mnt",     "/media",
    "/data",      "/run",     "/run/user", "/run/media", "/usr",     "/usr/local",
    "/usr/share", "/usr/lib", "/tmp",      "/var/tmp",   "/snap",    "/root",
};

std::string below(const std::string& path, const std::string& directory) {
  return path.size() > directory.size() + 1 ? path.substr(directory.size() + 1) : "";
}

bool is_private_name(std::string_view name) {
  return is_credential_name(name) || name == ".ssh" || name == ".gnupg" || name == ".aws";
}

// Looks no further than the longest name of such a place.
bool is_private_by_place(const std::string& path, const std::string& home) {
  const std::size_t owner = home_of(path, home).size();
  if (owner > 0 && path.size() > owner + 1 && path[owner + 1] == '.') return true;
  return std::any_of(std::begin(kSystemSecrets), std::end(kSystemSecrets),
                     [&](std::string_view each) { return is_within(path, std::string(each)); });
}

}  // namespace

std::string home_of(const std::string& path, const std::string& home) {
  if (home.size() > 1 && is_within(path, home)) return home;
  if (is_within(path, "/root")) return "/root";
  if (!is_within(path, "/home") || path == "/home") return "";
  return path.substr(0, path.find('/', std::string_view("/home/").size()));
}

bool is_secret_place(const std::string& path, const std::string& home) {
  for (const char* each :
       {"/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssl/private"}) {
    if (is_within(path, each)) return true;
  }
  const std::string owner = home_of(path, home);
  if (owner.empty()) return false;
  const std::string rest = below(path, owner);
  return std::any_of(std::begin(kSecrets), std::end(kSecrets),
                     [&](std::string_view each) { return is_within(rest, std::string(each)); });
}

bool is_private_place(const std::string& path, const std::string& home) {
  const auto parts = text::split(path, '/');
  return std::any_of(parts.begin(), parts.end(), is_private_name) ||
         is_private_by_place(path, home);
}

bool is_private_entry(const std::string& path, const std::string& home) {
  return is_private_name(std::string_view(path).substr(path.rfind('/') + 1)) ||
         is_private_by_place(path, home);
}

bool is_shared_place(const std::string& path, const std::string& home) {
  if (path.rfind('/') == 0) return true;
  if (path == home || home_of(path, home) == path) return true;
  // Above a home, wherever that is.
  if (home.size() > 1 && is_within(home, path)) return true;
  return std::find(std::begin(kShared), std::end(kShared), path) != std::end(kShared);
}

}  // namespace mayfly::sandbox
