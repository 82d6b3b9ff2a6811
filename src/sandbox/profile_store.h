#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/host_user.h"
#include "sandbox/profile.h"
#include "settings/diagnostics.h"
#include "settings/trusted_file.h"

namespace mayfly::sandbox {

// Where profiles are kept as NAME.toml. Of two with one name the user's comes before the system's,
// and that before the one that ships. What a file extends is looked for in its own place and those
// behind it, and if it is its own name only behind it: no change of one shipped profile changes
// another one that ships.
struct ProfilePlaces {
  std::string user;    // ~/.config/mayfly/profiles; empty: none
  std::string system;  // /etc/mayfly/profiles
};
ProfilePlaces profile_places(const HostUser& user);
// $XDG_CONFIG_HOME/mayfly or ~/.config/mayfly; empty without a home.
std::string config_directory(const HostUser& user);

// A profile with all that it extends.
struct LoadedProfile {
  Profile profile;
  std::vector<settings::Diagnostic> warnings;
  // Each file that was read and each that would have been, had it been there: when one of them
  // changes, so may the profile.
  std::vector<settings::FileMark> marks;
  std::vector<std::string> real_paths;  // of the files
};

class ProfileStore {
 public:
  explicit ProfileStore(ProfilePlaces places) : places_(std::move(places)) {}

  // `name` is a name, or the path of a file if it has a '/' or ends with ".toml". E1002 with the
  // nearest name; E1001 with all that is wrong in the files, each with its place.
  // `seen` gets the marks of the files looked at, also when something is wrong.
  Result<LoadedProfile> load(const std::string& name,
                             std::vector<settings::FileMark>* seen = nullptr) const;
  // The same; what is wrong or doubtful in the files also goes to `diagnostics`, one by one.
  Result<LoadedProfile> load(const std::string& name, settings::Diagnostics& diagnostics) const;
  // What `path`, a file NAME.toml of one of the places, would come to if it held `text`.
  Result<LoadedProfile> rehearse(const std::string& path, const std::string& text) const;

  // Every profile of that name, the one that holds first.
  struct Place {
    std::string name;
    std::string path;  // empty: it ships
  };
  std::vector<Place> find(const std::string& name) const;
  // All names, those that ship first, each once.
  std::vector<Place> list() const;
  const ProfilePlaces& places() const { return places_; }

 private:
  ProfilePlaces places_;
};

// A file `.mayfly/profile.toml` of a workspace, if there is one: read as hostile, its values are
// not trusted. Links are not followed. `marks` gets what would show a change.
Result<std::optional<Profile>> load_project_profile(const std::string& workspace,
                                                    std::vector<settings::FileMark>& marks);

}  // namespace mayfly::sandbox
