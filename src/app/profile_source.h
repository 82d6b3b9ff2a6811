#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/policy_options.h"
#include "base/result.h"
#include "sandbox/policy.h"
#include "sandbox/profile.h"
#include "sandbox/profile_store.h"
#include "tools/offered_profiles.h"

namespace mayfly::app {

// E2001 for a file of the operator's that lies in one of `workspaces`: a sandbox could change its
// own rules there, for the next call. `what` is the option or key that names the file.
Status check_outside(std::string_view what, const std::string& file,
                     const std::vector<std::string>& workspaces, std::string_view remedy);

// Where the profiles of one serve or run come from: files by name, then what the operator's options
// say, then what the workspaces' own files say, which only narrows.
class ProfileSource {
 public:
  // Whether the workspaces' own files are read.
  enum class Projects { kRead, kIgnore };
  // `options` is a layer like a file (options_layer). Of `names` at least one.
  ProfileSource(std::vector<std::string> names, sandbox::Profile options, sandbox::Host host,
                Projects projects = Projects::kRead)
      : store_(sandbox::profile_places(host.user)),
        names_(std::move(names)),
        options_(std::move(options)),
        host_(std::move(host)),
        projects_(projects) {}

  // Reads all files. E1002 for a name, E1001 for what is wrong in a file, E2001 for a file that
  // lies in a workspace, where a sandbox could write it. `marks` gets every file looked at, also
  // then.
  Result<tools::ProfileSet> load(std::vector<settings::FileMark>& marks) const;
  // The same, but what is wrong with a workspace's own file is the set's `refusal`.
  Result<tools::ProfileSet> load_or_refuse(std::vector<settings::FileMark>& marks) const;

  // E2003 if a workspace's own file would widen the profile.
  Result<sandbox::Policy> resolve(const tools::OfferedProfile& offered) const;
  // The same without creating anything: no caches, no search for toolchains.
  Result<sandbox::Policy> preview(const tools::OfferedProfile& offered) const;

 private:
  sandbox::ProfileStore store_;
  std::vector<std::string> names_;
  sandbox::Profile options_;
  sandbox::Host host_;
  Projects projects_;
};

// As the operator's options say it: for serve and run. E1001 with the option at fault.
Result<ProfileSource> profile_source(const PolicyOptions& options, const sandbox::Host& host);

}  // namespace mayfly::app
