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

namespace mayfly::tools {

// The profiles that the operator lets the model choose from, the first for a call that names none.
// A profile becomes a policy when it is first used, since resolving may create cache directories,
// and is kept. Thread-safe.
class OfferedProfiles {
 public:
  using Resolver = std::function<Result<sandbox::Policy>(const sandbox::Profile&)>;

  // `profiles` has at least one.
  OfferedProfiles(std::vector<sandbox::Profile> profiles, Resolver resolve)
      : profiles_(std::move(profiles)), resolve_(std::move(resolve)) {}

  const std::vector<sandbox::Profile>& profiles() const { return profiles_; }
  std::vector<std::string> names() const;

  // Empty: the first. E1002 for a name that is not offered; else what resolving says. A failure is
  // not kept: the next call tries again.
  Result<std::shared_ptr<const sandbox::Policy>> policy(const std::string& name);

 private:
  const std::vector<sandbox::Profile> profiles_;
  const Resolver resolve_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const sandbox::Policy>> resolved_;
};

}  // namespace mayfly::tools
