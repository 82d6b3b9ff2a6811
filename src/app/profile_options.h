#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/profile_learn.h"
#include "base/result.h"
#include "mcp/json.h"
#include "sandbox/policy.h"
#include "sandbox/profile_edit.h"
#include "sandbox/profile_store.h"

// What the subcommands of `mayfly profile` share.
namespace mayfly::app {

struct ProfileOptions {
  bool json = false;
  std::string name;
  std::string other;               // diff: the second
  std::vector<std::string> names;  // check: any number
  bool host = false;               // check

  // explain
  std::string workspace;
  std::vector<std::string> paths;
  std::vector<std::string> hosts;
  std::vector<std::string> syscalls;
  bool no_project = false;

  // create, delete
  std::string extends;
  std::string description;
  bool system = false;
  bool yes = false;

  LearnOptions learn;

  // create, allow: what is wished, in the order of the options
  std::vector<sandbox::ProfileWish> wishes;
};

sandbox::ProfileStore profile_store();
// What `profile` comes to here; an empty `workspace` is the default one.
Result<sandbox::Policy> resolve_here(const sandbox::Profile& profile, const std::string& workspace);
// The same for a profile that `narrower`, if there is one, may only narrow.
Result<sandbox::Policy> resolve_here(const sandbox::Profile& profile,
                                     const std::optional<sandbox::Profile>& narrower,
                                     const std::string& workspace);
// The .mayfly/profile.toml of `workspace`, or of the default one if that is empty. E1001 for what
// is wrong in it.
Result<std::optional<sandbox::Profile>> project_profile(const std::string& workspace);

// On stderr: what is wrong in a file a line each, anything else as `describe` has it. Returns 1.
int say_error(const Error& error);
void print_json(const mcp::Json& value);
mcp::Json place_json(const settings::Location& at);  // text, or null for "built in"

// Questions about profiles: nothing is changed.
int list_profiles(const ProfileOptions& options);
int show_profile(const ProfileOptions& options);
int explain_profile(const ProfileOptions& options);
int compare_profiles(const ProfileOptions& options);
int check_profiles(const ProfileOptions& options);
int print_schema(const ProfileOptions& options);

// Changes to the operator's files.
int create_profile(const ProfileOptions& options);
int delete_profile(const ProfileOptions& options);
int allow_in_profile(const ProfileOptions& options);

}  // namespace mayfly::app
