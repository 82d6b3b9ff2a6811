#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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
  std::vector<std::string> files = {};  // that `profile` came from, without links
};

// All profiles on offer as their files were at one moment.
struct ProfileSet {
  std::vector<OfferedProfile> profiles;   // at least one; the first for calls that name none
  std::vector<settings::FileMark> marks;  // while these stay, reading again gives the same
  // What is wrong with a workspace's own file, which was meant to narrow: no call may run then.
  std::optional<Error> refusal;
};

// The profiles that the operator lets the model choose from. A profile becomes a policy when it is
// first used, since resolving may create cache directories, and is kept.
//
// Files that change are noticed by the next call, which costs a stat(2) a file. What is good then
// holds for that call and later ones. Of what is bad in the operator's files nothing is taken: the
// profiles of before stay in force, and `state` and the log say why. A workspace's own file that is
// bad, or would widen, has calls refused until it is mended: what it meant to narrow is not known.
// Calls that run keep what they started with. Thread-safe.
class OfferedProfiles {
 public:
  // Fills in the marks of all files that it looked at, also when it fails.
  using Loader = std::function<Result<ProfileSet>(std::vector<settings::FileMark>&)>;
  using Resolver = std::function<Result<sandbox::Policy>(const OfferedProfile&)>;
  using Log = std::function<void(const std::string&)>;
  // Told of what is in force from now on: the policies that can be had, the first profile's first.
  using Taken = std::function<void(const std::vector<std::shared_ptr<const sandbox::Policy>>&)>;

  struct State {
    std::chrono::system_clock::time_point since;  // of what is in force
    std::vector<std::string> files;               // all that are looked at, there or not
    std::string trouble;  // why what the files say now is not in force; empty if it is
    std::string refusal;  // why calls are refused; empty if they are not, or not all
  };

  OfferedProfiles(ProfileSet first, Loader load, Resolver resolve, Log log)
      : set_(std::move(first)),
        marks_(set_.marks),
        load_(std::move(load)),
        resolve_(std::move(resolve)),
        log_(std::move(log)) {}

  // Before there is a second thread. `taken` must not come back here.
  void when_taken(Taken taken) { taken_ = std::move(taken); }

  // The same for what is not taken, each time it is said: why.
  void when_not_taken(Log refused) { not_taken_ = std::move(refused); }

  std::vector<std::string> names() const;

  // Empty: the first. E1002 for a name that is not offered; else what resolving says. A failure is
  // not kept: the next call tries again.
  Result<std::shared_ptr<const sandbox::Policy>> policy(const std::string& name);

  // Looks at the files; reads them again if they changed, or in any case, and then says what it
  // found even if it has said that before.
  enum class When { kIfChanged, kAlways };
  void refresh(When when);
  State state() const;
  // State::trouble, for each call's receipt.
  std::string trouble() const;

 private:
  using Resolved = std::map<std::string, std::shared_ptr<const sandbox::Policy>>;
  void refresh_locked(When when);
  void keep_old(std::string why, When when);
  void take(ProfileSet set, Resolved resolved, std::string refusal);
  // What can be resolved. A workspace's file that widens is no failure, but `refusal`.
  Result<Resolved> resolve_all(const ProfileSet& set, std::string& refusal) const;

  mutable std::mutex mutex_;
  ProfileSet set_;
  std::vector<settings::FileMark> marks_;  // as of the latest reading, good or bad
  bool retry_ = false;                     // read again even if they stay
  const Loader load_;
  const Resolver resolve_;
  const Log log_;
  Taken taken_;
  Log not_taken_;
  Resolved resolved_;
  std::chrono::system_clock::time_point since_ = std::chrono::system_clock::now();
  std::string trouble_;
  std::string refusal_;
};

}  // namespace mayfly::tools
