#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/policy.h"
#include "sandbox/profile.h"
#include "settings/trusted_file.h"

namespace mayfly::tools {

// A profile as the operator wrote it, and what the workspaces' own files say, which only narrows.
struct OfferedProfile {
  sandbox::Profile profile;
  std::vector<sandbox::Profile> narrowers;
};

// All profiles on offer as their files were at one moment.
struct ProfileSet {
  std::vector<OfferedProfile> profiles;   // at least one; the first for calls that name none
  std::vector<settings::FileMark> marks;  // while these stay, reading again gives the same
};

// The profiles that the operator lets the model choose from. A profile becomes a policy when it is
// first used, since resolving may create cache directories, and is kept.
//
// Files that change are noticed by the next call, which costs a stat(2) a file. What is good then
// holds for that call and later ones; of what is bad nothing is taken: the profiles of before stay
// in force, and `trouble` and the log say why. Calls that run keep what they started with.
// Thread-safe.
class OfferedProfiles {
 public:
  // Fills in the marks of all files that it looked at, also when it fails.
  using Loader = std::function<Result<ProfileSet>(std::vector<settings::FileMark>&)>;
  using Resolver = std::function<Result<sandbox::Policy>(const OfferedProfile&)>;
  using Log = std::function<void(const std::string&)>;

  OfferedProfiles(ProfileSet first, Loader load, Resolver resolve, Log log)
      : set_(std::move(first)),
        marks_(set_.marks),
        load_(std::move(load)),
        resolve_(std::move(resolve)),
        log_(std::move(log)) {}

  std::vector<std::string> names() const;

  // Empty: the first. E1002 for a name that is not offered; else what resolving says. A failure is
  // not kept: the next call tries again.
  Result<std::shared_ptr<const sandbox::Policy>> policy(const std::string& name);

  // Looks at the files; reads them again if they changed, or in any case.
  enum class When { kIfChanged, kAlways };
  void refresh(When when);
  // Why what the files say now is not in force; empty if it is.
  std::string trouble() const;

 private:
  using Resolved = std::map<std::string, std::shared_ptr<const sandbox::Policy>>;
  void refresh_locked(When when);
  Status resolve_all(const std::vector<OfferedProfile>& profiles, Resolved& resolved) const;

  mutable std::mutex mutex_;
  ProfileSet set_;
  std::vector<settings::FileMark> marks_;  // as of the latest reading, good or bad
  const Loader load_;
  const Resolver resolve_;
  const Log log_;
  Resolved resolved_;
  std::string trouble_;
};

}  // namespace mayfly::tools
