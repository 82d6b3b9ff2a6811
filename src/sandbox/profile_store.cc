#include "sandbox/profile_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "base/sys.h"
#include "base/text.h"
#include "sandbox/path_rules.h"
#include "sandbox/profile_format.h"
#include "sandbox/shipped_profiles.h"
#include "sandbox/workspace.h"
#include "settings/document.h"

namespace mayfly::sandbox {
namespace {

using settings::Diagnostics;
using settings::Location;
using settings::Source;
using settings::Trust;

constexpr std::size_t kMostLayers = 64;
constexpr const char* kSuffix = ".toml";
constexpr const char* kProjectFile = ".mayfly/profile.toml";

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(kSuffix);
}

bool is_link(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored));
}

std::string stem(const std::string& path) { return std::filesystem::path(path).stem().string(); }

const std::string_view* shipped_text(const std::string& name) {
  for (const auto& [each, text] : shipped_profile_texts()) {
    if (each == name) return &text;
  }
  return nullptr;
}

// Follows `extends` depth first, so that what a profile starts from is merged before it.
class Loader {
 public:
  Loader(const ProfileStore& store, Diagnostics& diagnostics)
      : store_(store), diagnostics_(diagnostics) {}

  // From now on `path` is taken to hold `text`.
  void pretend(const std::string& path, const std::string& text) { pretended_ = {path, text}; }

  Result<LoadedProfile> load(const std::string& name) {
    if (is_path(name)) {
      TRY(add_file(name, stem(name), {}));
    } else {
      TRY(add_named(name, 0, {}));
    }
    if (diagnostics_.failed()) return fail(diagnostics_.to_error());
    out_.profile.name = is_path(name) ? stem(name) : name;
    out_.warnings = diagnostics_.all();
    return out_;
  }
  const std::vector<settings::FileMark>& marks() const { return out_.marks; }

 private:
  // Where a file's bases are looked for: in its own place and those behind it. So what an operator
  // says of one shipped profile changes no other that ships.
  struct Levels {
    std::size_t others;
    std::size_t own_name;  // a file never extends itself
  };

  // `level` is how many of the places of that name are passed over. `from` is where it is extended.
  Status add_named(const std::string& name, std::size_t level, const Location& from) {
    if (!is_profile_name(name)) return unknown(name, from);
    const auto places = candidates(name);
    for (std::size_t i = level; i < places.size(); ++i) {
      if (places[i].empty()) {
        const std::string_view* text = shipped_text(name);
        if (text == nullptr) continue;
        return add_text(*text, name, std::string("shipped:") + name,
                        std::make_shared<Source>(Source{name + " (shipped)", Trust::kShipped}),
                        {i, i + 1}, from);
      }
      out_.marks.push_back(settings::mark_of(places[i]));
      if (places[i] == pretended_.first) {
        return add_text(pretended_.second, name, places[i],
                        std::make_shared<Source>(Source{places[i], Trust::kOperator}), {i, i + 1},
                        from);
      }
      if (!out_.marks.back().there) {
        if (is_link(places[i])) return leads_nowhere(places[i], from);
        continue;
      }
      return add_file_at(places[i], name, {i, i + 1}, from);
    }
    return unknown(name, from);
  }

  Status add_file(const std::string& path, const std::string& name, const Location& from) {
    if (!is_profile_name(name)) {
      return fail(input_error(ErrorCode::kInvalidConfiguration, "profile", path,
                              "is not named like a profile",
                              "use letters, digits, -, _ and . before .toml"));
    }
    out_.marks.push_back(settings::mark_of(path));
    return add_file_at(path, name, {0, 0}, from);
  }

  Status add_file_at(const std::string& path, const std::string& name, Levels levels,
                     const Location& from) {
    auto file = settings::read_trusted(path);
    if (!file) {
      if (from.source == nullptr) return fail(std::move(file).error());
      diagnostics_.error(from, path, file.error().message, file.error().remedy);
      return {};
    }
    out_.real_paths.push_back(file->real_path);
    return add_text(file->text, name, file->real_path,
                    std::make_shared<Source>(Source{path, Trust::kOperator}), levels, from);
  }

  Status add_text(std::string_view text, const std::string& name, const std::string& identity,
                  std::shared_ptr<const Source> source, Levels levels, const Location& from) {
    if (std::find(open_.begin(), open_.end(), identity) != open_.end()) {
      diagnostics_.error(from, name, "extends itself: " + chain(name), "take one of them out");
      return {};
    }
    // The same file by two ways is merged once, where it came first.
    if (std::find(done_.begin(), done_.end(), identity) != done_.end()) return {};
    if (done_.size() + open_.size() >= kMostLayers) {
      diagnostics_.error(from, name, "is one of more than 64 files", "extend fewer profiles");
      return {};
    }
    const auto layer = parse_profile(text, name, std::move(source), diagnostics_);
    if (!layer) {
      done_.push_back(identity);  // said once
      return {};
    }
    open_.push_back(identity);
    names_.push_back(name);
    for (const auto& base : layer->extends) {
      TRY(add_named(base.value, base.value == name ? levels.own_name : levels.others, base.at));
    }
    names_.pop_back();
    open_.pop_back();
    done_.push_back(identity);
    merge_profile(out_.profile, *layer, diagnostics_);
    out_.profile.at = layer->at;
    out_.profile.extends = layer->extends;
    return {};
  }

  // Passed over, what is behind it would hold in its place, and might permit more.
  Status leads_nowhere(const std::string& path, const Location& from) {
    const std::string why = "is a link that leads nowhere";
    const std::string remedy = "put back what it led to, or take the link away";
    if (from.source == nullptr) {
      return fail(input_error(ErrorCode::kInvalidConfiguration, "file", path, why, remedy));
    }
    diagnostics_.error(from, path, why, remedy);
    return {};
  }

  std::vector<std::string> candidates(const std::string& name) const {
    std::vector<std::string> out;
    for (const std::string& directory : {store_.places().user, store_.places().system}) {
      if (!directory.empty()) out.push_back(directory + "/" + name + kSuffix);
    }
    out.emplace_back();
    return out;
  }

  Status unknown(const std::string& name, const Location& from) {
    if (from.source != nullptr && !names_.empty() && names_.back() == name) {
      diagnostics_.error(from, name, "extends its own name, and there is no further one",
                         "name another profile, or leave it out");
      return {};
    }
    std::vector<std::string> names;
    for (const ProfileStore::Place& place : store_.list()) names.push_back(place.name);
    const std::string near = text::nearest(name, names);
    const std::string remedy =
        near.empty() ? "Use one of: " + text::join(names, ", ") : "Did you mean \"" + near + "\"?";
    if (from.source == nullptr) {
      return fail(input_error(ErrorCode::kUnknownProfile, "profile", name,
                              "there is no such profile", remedy));
    }
    const auto in_front = store_.find(name);
    diagnostics_.error(from, name, "is no profile that could be extended",
                       in_front.empty() ? remedy
                                        : in_front.front().path +
                                              " comes before this one: a file "
                                              "extends what is in its own place or behind it");
    return {};
  }

  std::string chain(const std::string& name) const {
    return text::join(names_, " > ") + " > " + name;
  }

  const ProfileStore& store_;
  Diagnostics& diagnostics_;
  std::pair<std::string, std::string> pretended_;  // path, text
  LoadedProfile out_;
  std::vector<std::string> open_;  // from the one asked for down to the one being read
  std::vector<std::string> names_;
  std::vector<std::string> done_;
};

void add_names_in(const std::string& directory, std::vector<ProfileStore::Place>& out) {
  std::error_code ignored;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string file = entry.path().filename().string();
    if (!file.ends_with(kSuffix) || !is_profile_name(stem(file))) continue;
    names.push_back(stem(file));
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name + kSuffix;
    const auto same =
        std::find_if(out.begin(), out.end(), [&](const auto& place) { return place.name == name; });
    if (same == out.end()) {
      out.push_back({name, path});
    } else {
      same->path = path;
    }
  }
}

}  // namespace

std::string config_directory(const HostUser& user) {
  const char* given = std::getenv("XDG_CONFIG_HOME");
  if (given != nullptr && given[0] == '/') return std::string(given) + "/mayfly";
  return user.home.size() < 2 ? std::string() : user.home + "/.config/mayfly";
}

ProfilePlaces profile_places(const HostUser& user) {
  const std::string own = config_directory(user);
  return {own.empty() ? own : own + "/profiles", "/etc/mayfly/profiles"};
}

Result<LoadedProfile> ProfileStore::load(const std::string& name,
                                         std::vector<settings::FileMark>* seen) const {
  Diagnostics diagnostics;
  Loader loader(*this, diagnostics);
  auto loaded = loader.load(name);
  if (seen != nullptr) seen->insert(seen->end(), loader.marks().begin(), loader.marks().end());
  return loaded;
}

Result<LoadedProfile> ProfileStore::load(const std::string& name, Diagnostics& diagnostics) const {
  return Loader(*this, diagnostics).load(name);
}

Result<LoadedProfile> ProfileStore::rehearse(const std::string& path,
                                             const std::string& text) const {
  Diagnostics diagnostics;
  Loader loader(*this, diagnostics);
  loader.pretend(path, text);
  return loader.load(stem(path));
}

std::vector<ProfileStore::Place> ProfileStore::find(const std::string& name) const {
  std::vector<Place> out;
  for (const std::string& directory : {places_.user, places_.system}) {
    const std::string path = directory + "/" + name + kSuffix;
    if (directory.empty()) continue;
    if (settings::mark_of(path).there || is_link(path)) out.push_back({name, path});
  }
  if (shipped_text(name) != nullptr) out.push_back({name, ""});
  return out;
}

std::vector<ProfileStore::Place> ProfileStore::list() const {
  std::vector<Place> out;
  for (const std::string& name : shipped_profiles()) out.push_back({name, ""});
  for (const std::string& directory : {places_.system, places_.user}) {
    if (!directory.empty()) add_names_in(directory, out);
  }
  return out;
}

namespace {

// Outside of its workspace a project can take away, and has nothing to give; and whether it would
// widen must not tell what there is on the host.
void refuse_beyond(const std::string& workspace, const Profile& project, Diagnostics& diagnostics) {
  constexpr std::string_view kOwn = "${workspace}/";
  for (const auto& rule : project.paths) {
    const PathAccess access = rule.value.access;
    if (access != PathAccess::kRead && access != PathAccess::kWrite) continue;
    const std::string& path = rule.value.path;
    if (!path.starts_with(kOwn) && !is_within(path, workspace)) {
      diagnostics.error(rule.at, path, "is outside of the workspace, where a project gives nothing",
                        "leave it out, or ask the operator");
    } else if (is_pattern(path)) {
      diagnostics.error(rule.at, path, "is a pattern", "a project names single paths here");
    }
  }
  for (const auto& bind : project.binds) {
    diagnostics.error(bind.at, bind.value.source, "is bound by a project's file",
                      "only the operator shows paths at other places");
  }
}

}  // namespace

Result<std::optional<Profile>> load_project_profile(const std::string& workspace,
                                                    std::vector<settings::FileMark>& marks) {
  const std::string path = workspace + "/" + kProjectFile;
  marks.push_back(settings::mark_of(path));
  const OwnedFd directory = TRY(sys::open(workspace, O_PATH | O_DIRECTORY));
  const auto file = sys::openat2(directory.get(), kProjectFile, O_RDONLY | O_NONBLOCK | O_NOCTTY,
                                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  const auto refuse = [&path](const std::string& why, const std::string& remedy) {
    return fail(input_error(ErrorCode::kInvalidConfiguration, "file", path, why, remedy));
  };
  if (!file) {
    const int number = file.error().os_errno;
    if (number == ENOENT || number == ENOTDIR) return std::optional<Profile>();
    return refuse(number == ELOOP ? "leads over a symbolic link" : file.error().message,
                  "put a plain file there, or take it away");
  }
  const struct stat info = TRY(sys::fstat(file->get()));
  if (!S_ISREG(info.st_mode)) return refuse("is no regular file", "take it away");
  const auto larger = [&] {
    return refuse("is larger than 1 MiB", "no configuration is that long");
  };
  if (info.st_size > static_cast<off_t>(settings::kMostDocumentBytes)) return larger();
  const auto read = sys::read_file(file->get(), settings::kMostDocumentBytes);
  if (!read) return read.error().code == ErrorCode::kOutOfResources ? larger() : fail(read.error());
  const std::string& text = *read;
  Diagnostics diagnostics;
  const auto source = std::make_shared<Source>(Source{path, Trust::kProject});
  auto profile = parse_profile(text, "project", source, diagnostics);
  if (profile && !profile->extends.empty()) {
    diagnostics.error(profile->extends.front().at, "extends", "has no place in a project's file",
                      "it narrows whatever profile is in use");
  }
  if (profile) refuse_beyond(workspace, *profile, diagnostics);
  if (diagnostics.failed()) return fail(diagnostics.to_error());
  return profile;
}

}  // namespace mayfly::sandbox
