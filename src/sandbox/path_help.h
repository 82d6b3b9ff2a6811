#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/host_user.h"
#include "sandbox/path_access.h"
#include "sandbox/report.h"

// What would have permitted a denied access to a path: the smallest change of the profile in use
// that makes sense to a person, if there is one that no operator regrets.
namespace mayfly::sandbox {

// What the host has at a path.
struct HostPlace {
  enum class Kind { kUnknown, kAbsent, kFile, kDirectory, kOther };
  Kind kind = Kind::kUnknown;
  std::string real;                // without links; empty unless something is there
  std::vector<std::string> links;  // that lead there, in order; each by its real directory
};
// Asks the host. It is told paths that a program chose.
using HostLook = std::function<HostPlace(const std::string& path)>;

enum class PathWish { kRead, kWrite };

struct PathHelp {
  std::vector<Permission> permissions;  // empty: nothing is to be proposed, and `why_not` says why
  std::string why_not;
};

// Of a profile that is resolved. Keeps its arguments by reference.
class PathHelper {
 public:
  PathHelper(const Policy& policy, const PathView& view, const HostUser& user, const HostLook& look)
      : policy_(policy), view_(view), user_(user), look_(look) {}

  // `path` is absolute and normal, and there on the host.
  PathHelp to_read(const std::string& path) const;
  // To change what is at `path`, there on the host.
  PathHelp to_change(const std::string& path) const;
  // To make, remove or rename an entry of the directory that `path` is in.
  PathHelp to_change_entry(const std::string& path) const;

 private:
  PathHelp write_to(const std::string& exact, HostPlace::Kind kind) const;
  std::optional<std::string> reason_against(const std::string& path, HostPlace::Kind kind,
                                            PathWish wish) const;
  bool in_workspace(const std::string& path) const;

  const Policy& policy_;
  const PathView& view_;
  const HostUser& user_;
  const HostLook& look_;
};

// `path` without its last component; "/" of what is in it.
std::string directory_of(const std::string& path);

// Whether `path`, as a value of a profile, means itself, and a person who reads it sees what it is:
// no pattern, no control or invisible characters, at most 200 bytes.
bool is_plain_path(const std::string& path);

}  // namespace mayfly::sandbox
