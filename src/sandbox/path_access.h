#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sandbox/policy.h"
#include "settings/location.h"

// What the path rules of a policy come to, without a kernel. The same that an engine makes of them
// in tier `full`; the landlock tier has no private places and shows the host's paths.
namespace mayfly::sandbox {

enum class Effective {
  kAbsent,
  kHidden,  // an empty file or directory
  kDenied,  // cannot be opened
  kRead,
  kWrite,
  kPrivate,  // writable memory of the call, nothing of the host
};

// What decided.
enum class PlacedBy { kSandbox, kDevice, kFile, kMount, kCache, kTmpfs, kProtection, kHide, kDeny };

struct PathAnswer {
  Effective access = Effective::kAbsent;
  std::string source;  // the host path behind it; empty if there is none
  std::string rule;    // "build: filesystem.read"; "sandbox" for what every sandbox has
  settings::Location at{};
  PlacedBy by = PlacedBy::kSandbox;
  std::string place;  // the path that the rule is about, or its pattern
  Ownership ownership = Ownership::kAsOnHost;
};

// A policy's paths, for many questions. Keeps the policy by reference.
//
// The most specific of mounts, tmpfs and private directories holds; at one path a tmpfs before a
// mount before what every sandbox has. A denied path is denied with everything below, a hidden one
// up to the next more specific place. What matches a pattern is covered with everything below,
// whether it was there when a call started or not. A cover answers for absent paths too.
class PathView {
 public:
  enum class Caches { kShown, kLeftOut };
  explicit PathView(const Policy& policy, Caches caches = Caches::kShown);

  // `path` is absolute. The policy's links and those of every sandbox are followed as texts, at
  // most 40; links that the host's directories have are not known here.
  PathAnswer look_up(const std::string& path) const;

  // Every path at which the answer may change but for patterns: between one of these and the next
  // one below, the answer is the same, with the rest of the path added to the source.
  std::vector<std::string> boundaries() const;

 private:
  struct Place {
    std::string path;
    PathAnswer answer;
    bool whole = true;  // what is below it is there too; else it is a bare directory
  };
  void add(std::string path, PathAnswer answer, bool whole = true);
  void add_own(const std::string& path, Effective access, bool whole = true);
  void add_rules(Caches caches);
  void add_links();
  bool is_placed(const std::string& path) const;
  bool resolve(std::string& path) const;
  const Place& place_of(const std::string& path) const;
  const CoverRule* cover_of(const std::string& path, const Place& place) const;

  const Policy& policy_;
  std::vector<Place> places_;  // of equal paths the later one holds
  std::vector<std::pair<std::string, std::string>> links_;
  std::vector<std::pair<std::string, const CoverRule*>> covers_;  // with links followed
};

// What a program inside finds at `path`.
PathAnswer look_up(const Policy& policy, const std::string& path);

}  // namespace mayfly::sandbox
