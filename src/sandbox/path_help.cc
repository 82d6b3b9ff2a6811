#include "sandbox/path_help.h"

#include <algorithm>

#include "base/text.h"
#include "sandbox/path_rules.h"
#include "sandbox/private_places.h"
#include "sandbox/profile_edit.h"
#include "sandbox/workspace.h"
#include "settings/document.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMostPathBytes = 200;
constexpr const char* kPrivate = "that is the user's alone, and no profile should give it";

bool is_visible(const PathAnswer& answer) {
  return answer.access == Effective::kRead || answer.access == Effective::kWrite;
}

// What a person would name to have `path` shown: "/opt/sdk" for all that is below it, the file's
// own directory in a home.
std::string unit_of(const std::string& path, HostPlace::Kind kind, const std::string& home) {
  const bool file = kind != HostPlace::Kind::kDirectory;
  if (!home_of(path, home).empty()) {
    const std::string directory = file ? directory_of(path) : path;
    return is_shared_place(directory, home) || is_private_place(directory, home) ? path : directory;
  }
  std::string unit = path;
  for (std::string above = directory_of(path); !is_shared_place(above, home);
       above = directory_of(above)) {
    unit = above;
  }
  return unit;
}

}  // namespace

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

bool is_plain_path(const std::string& path) {
  // What one_line leaves alone has nothing in it that cannot be seen.
  return !path.empty() && path.front() == '/' && path.size() <= kMostPathBytes &&
         !is_pattern(path) && path.find('\\') == std::string::npos && text::is_utf8(path) &&
         text::one_line(path) == path;
}

bool PathHelper::in_workspace(const std::string& path) const {
  return std::any_of(policy_.workspaces.begin(), policy_.workspaces.end(),
                     [&](const Workspace& each) { return is_within(path, each.path); });
}

std::optional<std::string> PathHelper::reason_against(const std::string& path, HostPlace::Kind kind,
                                                      PathWish wish) const {
  const bool write = wish == PathWish::kWrite;
  if (!is_plain_path(path)) return "its name is none to put into a profile";
  if (is_private_place(path, user_.home) || is_private_place(path, policy_.identity.home)) {
    return kPrivate;
  }
  const ProfileWish asked{write ? "--write" : "--read", "filesystem",
                          write ? "write" : "read",     "",
                          settings::quoted(path),       ""};
  const auto understood = wished(asked);
  if (!understood) return write ? "no profile lets a sandbox write there" : "no profile shows it";
  const bool file = kind == HostPlace::Kind::kFile;
  if (!file &&
      (is_shared_place(path, user_.home) || is_shared_place(path, policy_.identity.home))) {
    return text::one_line(path) + " is too much: ask the operator for a directory below it";
  }
  if (write && !in_workspace(path) && !judge_writable(path, user_)) {
    return "no profile lets a sandbox write there";
  }
  return std::nullopt;
}

PathHelp PathHelper::to_read(const std::string& path) const {
  const HostPlace there = look_ ? look_(path) : HostPlace{};
  using Kind = HostPlace::Kind;
  if (there.kind == Kind::kOther) return {{}, "no profile shows sockets, pipes and devices"};
  if (there.kind != Kind::kFile && there.kind != Kind::kDirectory) {
    return {{}, "what the host has there is not known"};
  }
  PathHelp help;
  const auto add = [&](const std::string& exact, Kind kind) -> std::optional<std::string> {
    if (is_visible(view_.look_up(exact))) return std::nullopt;
    for (const Permission& each : help.permissions) {
      if (is_within(exact, each.value)) return std::nullopt;
    }
    if (is_private_place(exact, policy_.identity.home)) return kPrivate;
    std::string unit = unit_of(exact, kind, policy_.identity.home);
    const auto against_exact = reason_against(exact, kind, PathWish::kRead);
    const Kind of_unit = unit == exact ? kind : Kind::kDirectory;
    if (reason_against(unit, of_unit, PathWish::kRead)) {
      if (against_exact) return against_exact;
      unit = exact;
    }
    // What cannot be named alone is named with all that is around it.
    help.permissions.push_back({"filesystem.read", unit, against_exact ? unit : exact});
    return std::nullopt;
  };
  std::optional<std::string> why = add(there.real, there.kind);
  for (const std::string& link : there.links) {
    if (why) break;
    // A sandbox has no links of the host in directories that are its own.
    if (view_.look_up(link).access == Effective::kPrivate) {
      why = "the way there leads over a link, and the sandbox has none there: use its real path, " +
            text::one_line(there.real);
    } else {
      why = add(link, Kind::kFile);
    }
  }
  if (why) return {{}, *why};
  if (help.permissions.empty()) return {{}, "a rule shows it already"};
  return help;
}

PathHelp PathHelper::write_to(const std::string& exact, HostPlace::Kind kind) const {
  if (const auto why = reason_against(exact, kind, PathWish::kWrite)) return {{}, *why};
  return {{{"filesystem.write", exact, exact}}, ""};
}

PathHelp PathHelper::to_change(const std::string& path) const {
  const HostPlace there = look_ ? look_(path) : HostPlace{};
  using Kind = HostPlace::Kind;
  if (there.kind == Kind::kDirectory) return write_to(there.real, there.kind);
  if (there.kind != Kind::kFile) return {{}, "what the host has there is not known"};
  // Programs that write a file make others beside it.
  PathHelp help = write_to(directory_of(there.real), Kind::kDirectory);
  if (help.permissions.empty()) help = write_to(there.real, there.kind);
  if (is_private_place(there.real, policy_.identity.home)) return {{}, kPrivate};
  if (!help.permissions.empty() && !reason_against(there.real, there.kind, PathWish::kWrite)) {
    help.permissions.front().exact = there.real;
  }
  return help;
}

PathHelp PathHelper::to_change_entry(const std::string& path) const {
  const HostPlace there = look_ ? look_(directory_of(path)) : HostPlace{};
  if (there.kind != HostPlace::Kind::kDirectory) {
    return {{}, "what the host has there is not known"};
  }
  return write_to(there.real, there.kind);
}

}  // namespace mayfly::sandbox
