#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string_view>

#include "app/profile_options.h"
#include "base/text.h"
#include "sandbox/profile_defaults.h"
#include "sandbox/profile_files.h"
#include "sandbox/profile_format.h"
#include "sandbox/toolchain_layouts.h"
#include "sandbox/workspace.h"
#include "settings/document.h"
#include "settings/trusted_file.h"
#include "tools/full_receipt.h"

namespace mayfly::app {
namespace {

using mcp::Json;
using sandbox::FileFate;
using sandbox::ProfileStore;
using sandbox::ProfileWish;

Error refused(const std::string& field, const std::string& value, const std::string& message,
              const std::string& remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, field, value, message, remedy);
}

Status check_name(const std::string& name) {
  if (sandbox::is_profile_name(name)) return {};
  return fail(refused("NAME", name, "is no name of a profile",
                      "use at most 64 letters, digits, -, _ and ."));
}

Result<std::string> directory_for(const ProfileStore& store, bool system) {
  const std::string& directory = system ? store.places().system : store.places().user;
  if (!directory.empty()) return directory;
  return fail(refused("HOME", "", "there is no home directory to keep profiles in",
                      "set HOME or XDG_CONFIG_HOME, or use --system"));
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  struct tm local {};
  ::localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d", &local);
  return text;
}

// As a person would type it.
std::string value_as_given(const ProfileWish& wish) {
  settings::Diagnostics ignored;
  const auto source = std::make_shared<settings::Source>(settings::Source{wish.option});
  const auto document = settings::parse_document("v = " + wish.value, source, ignored);
  const std::string value =
      document != nullptr ? settings::shown(*document->front().value) : wish.value;
  return text::for_shell(wish.name.empty() ? value : wish.name + "=" + value);
}

std::string key_text(const ProfileWish& wish) {
  return wish.table + "." + wish.key + " " +
         (wish.name.empty() ? wish.value : wish.name + " = " + wish.value);
}

// What a wish is no use without: a way to a host, and time for jobs where calls get more than they
// have. `profile` is what the wish would come on top of.
Result<std::optional<ProfileWish>> needed_for(const ProfileWish& wish,
                                              const sandbox::Profile& profile) {
  const auto with = [&wish](const char* table, const char* key, const std::string& value) {
    return ProfileWish{wish.option, table, key, "", value, wish.comment};
  };
  const std::string key = wish.table + "." + wish.key;
  if (key == "network.allow" && network_of(profile) == sandbox::NetworkMode::kNone) {
    return with("network", "mode", "\"proxy\"");
  }
  if (key == "limits.wall") {
    const auto wall = TRY(sandbox::wished(wish)).limits.wall->value;
    if (wall > limits_of(profile).job_wall) return with("limits", "job_wall", wish.value);
  }
  return std::nullopt;
}

// A directory that is gone with this.
class ThrowAway {
 public:
  ThrowAway() {
    char path[] = "/var/tmp/mayfly-profile-XXXXXX";
    if (::mkdtemp(path) != nullptr) path_ = path;
  }
  ~ThrowAway() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }
  ThrowAway(const ThrowAway&) = delete;
  ThrowAway& operator=(const ThrowAway&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What resolving refuses would only be seen when the profile is used. An empty workspace shows what
// is wrong with the profile in any.
Status check_resolves(const sandbox::Profile& profile) {
  const ThrowAway workspace;
  if (!sandbox::open_workspace(workspace.path(), sandbox::host_user(::getuid()))) return {};
  TRY(resolve_here(profile, workspace.path()));
  return {};
}

// Each wish that shows something in which secrets are kept by custom.
void warn_of_secrets(const std::vector<ProfileWish>& wishes) {
  const std::string home = sandbox::host_user(::getuid()).home;
  for (const ProfileWish& wish : wishes) {
    if (wish.table != "filesystem" || (wish.key != "read" && wish.key != "write")) continue;
    const auto profile = sandbox::wished(wish);
    if (!profile || profile->paths.empty()) continue;
    const std::string& path = profile->paths.front().value.path;
    std::string below;
    for (const std::string& front : {home + "/", std::string("${home}/")}) {
      if (path.starts_with(front)) below = path.substr(front.size());
    }
    const bool secret = sandbox::is_private_home_directory(below.substr(0, below.find('/'))) ||
                        sandbox::is_credential_name(path.substr(path.rfind('/') + 1));
    if (!secret) continue;
    std::fprintf(
        stderr, "warning: %s is where keys and passwords are kept: every command can read it now\n",
        text::one_line(path).c_str());
  }
}

// What `allow` did with one wish.
struct Done {
  std::string text;  // `filesystem.read "/opt/sdk"`
  bool added = false;
  std::string at;        // where it stood already
  std::string replaced;  // what the file said instead
};

class Allowance {
 public:
  explicit Allowance(const ProfileOptions& options) : options_(options) {}

  Status allow() {
    TRY(check_name(options_.name));
    for (const ProfileWish& wish : options_.wishes) TRY(sandbox::wished(wish));
    const std::string directory = TRY(directory_for(store_, false));
    path_ = directory + "/" + options_.name + ".toml";
    sandbox::Profile profile = TRY(store_.load(options_.name)).profile;
    const bool there = settings::mark_of(path_).there;
    OwnedFd lock;
    if (there) {
      lock = TRY(sandbox::lock_profiles(directory));
      text_ = TRY(settings::read_trusted(path_)).text;
    } else {
      text_ = opening();
      copy_ = true;
    }
    for (const ProfileWish& each : options_.wishes) TRY(add(each, profile));
    if (!changed_) return {};
    TRY(check_resolves(profile));
    if (!there) lock = TRY(sandbox::lock_profiles(directory));
    return write_profile_file(path_, text_, there ? FileFate::kReplace : FileFate::kNew);
  }

  const std::vector<Done>& done() const { return done_; }
  const std::string& path() const { return path_; }
  bool changed() const { return changed_; }
  // The file is new: the operator's own, in front of another of that name.
  bool made_copy() const { return changed_ && copy_; }

 private:
  std::string opening() const {
    return "# " + options_.name +
           ": what this user's sandboxes may do beyond the profile of the "
           "same name\n# that the system has or that ships. `mayfly profile explain " +
           options_.name +
           "` says what it comes to.\nextends = " + settings::quoted(options_.name) + "\n";
  }

  Status add(ProfileWish wish, sandbox::Profile& profile) {
    wish.comment = today() + ": mayfly profile allow " + options_.name + " " + wish.option + " " +
                   value_as_given(wish);
    if (const auto first = TRY(needed_for(wish, profile))) TRY(write(*first, profile));
    const auto one = TRY(sandbox::wished(wish));
    if (const auto at = said_already(profile, wish, one)) {
      done_.push_back({key_text(wish), false, settings::to_string(*at), ""});
      return {};
    }
    return write(wish, profile);
  }

  // Into the text, and into the merged profile by loading what came of it.
  Status write(const ProfileWish& wish, sandbox::Profile& profile) {
    const auto source = std::make_shared<settings::Source>(settings::Source{path_});
    const std::string before = text_;
    text_ = TRY(with_wish(before, source, wish));
    profile = TRY(store_.rehearse(path_, text_)).profile;
    changed_ = true;
    done_.push_back({key_text(wish), true, "", replaced_value(before, source, wish)});
    return {};
  }

  const ProfileOptions& options_;
  const ProfileStore store_ = profile_store();
  std::string path_;
  std::string text_;
  std::vector<Done> done_;
  bool changed_ = false;
  bool copy_ = false;
};

Result<std::string> create(const ProfileOptions& options) {
  TRY(check_name(options.name));
  const ProfileStore store = profile_store();
  const std::string directory = TRY(directory_for(store, options.system));
  sandbox::NewProfile wanted{options.name, options.extends, options.description, {}};
  const sandbox::Profile base = TRY_TO("--extends", store.load(options.extends)).profile;
  for (const ProfileWish& wish : options.wishes) {
    TRY(sandbox::wished(wish));
    if (const auto first = TRY(needed_for(wish, base))) wanted.wishes.push_back(*first);
    wanted.wishes.push_back(wish);
  }
  const std::string path = directory + "/" + options.name + ".toml";
  const std::string text = new_profile_text(wanted);
  const sandbox::Profile outcome = TRY(store.rehearse(path, text)).profile;
  TRY(check_resolves(outcome));
  TRY(write_profile_file(path, text, FileFate::kNew));
  return path;
}

// The file that `delete` is about. What ships is no file.
Result<std::string> file_to_delete(const ProfileStore& store, const std::string& name) {
  TRY(check_name(name));
  const auto places = store.find(name);
  if (places.empty()) {
    TRY(store.load(name));  // says which name is near
    return fail(refused("NAME", name, "is gone already", ""));
  }
  if (!places.front().path.empty()) return places.front().path;
  return fail(refused("NAME", name, "ships with Mayfly and cannot be deleted",
                      "not offering it is enough (`mayfly serve --profile`); `mayfly profile "
                      "create " +
                          name + "` puts one of yours in its place"));
}

// Whether the profile of that name is still found once `path` is gone.
bool found_without(const ProfileStore& store, const std::string& name) {
  return store.find(name).size() > 1;
}

Status check_dependents(const ProfileStore& store, const ProfileOptions& options) {
  std::vector<std::string> names;
  for (const auto& each : dependents_of(store, options.name)) names.push_back(each.path);
  if (names.empty() || options.yes || found_without(store, options.name)) return {};
  return fail(refused("NAME", options.name,
                      "is what other profiles start from: " + text::join(names, ", "),
                      "change their `extends` first, or say --yes and they stop working"));
}

bool confirmed(const std::string& path) {
  std::printf("delete %s? [y/N] ", text::one_line(path).c_str());
  std::fflush(stdout);
  char answer[16] = {};
  if (std::fgets(answer, sizeof answer, stdin) == nullptr) return false;
  return answer[0] == 'y' || answer[0] == 'Y';
}

int fail_with(const ProfileOptions& options, const Error& error) {
  if (options.json) print_json({{"error", tools::error_json(error)}});
  return say_error(error);
}

}  // namespace

int create_profile(const ProfileOptions& options) {
  const auto path = create(options);
  if (!path) return fail_with(options, path.error());
  warn_of_secrets(options.wishes);
  if (options.json) {
    print_json({{"path", *path}});
  } else {
    std::printf("%s\nnext: mayfly profile explain %s\n", text::one_line(*path).c_str(),
                options.name.c_str());
  }
  return 0;
}

int delete_profile(const ProfileOptions& options) {
  const ProfileStore store = profile_store();
  const auto path = file_to_delete(store, options.name);
  if (!path) return fail_with(options, path.error());
  if (const auto free = check_dependents(store, options); !free) {
    return fail_with(options, free.error());
  }
  if (!options.yes) {
    if (::isatty(STDIN_FILENO) == 0 || options.json) {
      return fail_with(
          options,
          refused("--yes", "", "nobody is there to ask whether " + *path + " is to be deleted",
                  "say --yes"));
    }
    if (!confirmed(*path)) {
      std::printf("kept\n");
      return 1;
    }
  }
  if (const auto gone = sandbox::delete_profile_file(*path); !gone) {
    return fail_with(options, gone.error());
  }
  const auto rest = store.find(options.name);
  const std::string next = rest.empty()                ? ""
                           : rest.front().path.empty() ? "the one that ships"
                                                       : rest.front().path;
  if (options.json) {
    print_json({{"deleted", *path}, {"now", next.empty() ? Json() : Json(next)}});
  } else {
    std::printf("deleted %s\n", text::one_line(*path).c_str());
    if (!next.empty()) {
      std::printf("%s now means %s\n", options.name.c_str(), text::one_line(next).c_str());
    }
  }
  return 0;
}

int allow_in_profile(const ProfileOptions& options) {
  if (options.wishes.empty()) {
    std::fprintf(stderr,
                 "mayfly profile allow: what? Give --read, --write, --host, --env, "
                 "--memory, --timeout or another option of `mayfly profile allow --help`\n");
    return 2;
  }
  Allowance allowance(options);
  if (const auto done = allowance.allow(); !done) return fail_with(options, done.error());
  if (allowance.changed()) warn_of_secrets(options.wishes);
  if (options.json) {
    Json list = Json::array();
    for (const Done& each : allowance.done()) {
      list.push_back({{"rule", each.text},
                      {"added", each.added},
                      {"at", each.added ? Json() : Json(each.at)}});
    }
    print_json(
        {{"path", allowance.path()}, {"changed", allowance.changed()}, {"rules", std::move(list)}});
    return 0;
  }
  if (allowance.made_copy()) {
    std::printf("made %s, your own %s: profiles of yours that extend %s get it too\n",
                text::one_line(allowance.path()).c_str(), options.name.c_str(),
                options.name.c_str());
  }
  for (const Done& each : allowance.done()) {
    const std::string line = text::one_line(each.text);
    if (!each.replaced.empty()) {
      std::printf("%s: replaced %s\n", text::one_line(allowance.path()).c_str(),
                  text::one_line(each.replaced).c_str());
    } else if (each.added) {
      std::printf("%s: added %s\n", text::one_line(allowance.path()).c_str(), line.c_str());
    } else {
      std::printf("nothing to do: %s is there (%s)\n", line.c_str(), each.at.c_str());
    }
  }
  return 0;
}

}  // namespace mayfly::app
