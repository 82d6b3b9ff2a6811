#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/engine.h"
#include "sandbox/policy.h"
#include "sandbox/profile.h"

namespace mayfly::app {

// What serve and run have in common: the operator's own words about the policy. Values are kept as
// text and judged by `options_layer`, so that serve can answer with what is wrong instead of
// ending.
struct PolicyOptions {
  std::vector<std::string> workspaces;
  std::string profiles;     // comma-separated; empty: the default one
  bool no_project = false;  // the workspaces' own .mayfly/profile.toml are not read
  // The values given to each other option, by its name: {"--memory", {"4G"}}.
  std::map<std::string, std::vector<std::string>> values;
};

void add_policy_options(CLI::App& command, PolicyOptions& options);

// Makes an empty value of any of `command`'s options an error.
void refuse_empty_values(CLI::App& command);

// What the options say, as a layer on top of whatever profile is used; each value's place is its
// option. E1001 with the option at fault, or with a line for each of several.
Result<sandbox::Profile> options_layer(const PolicyOptions& options);
// How the option for `key` was given, as "--memory 64M" for "limits.memory"; empty if it was not.
std::string option_given(const PolicyOptions& options, std::string_view key);
std::vector<std::string> profile_names(const PolicyOptions& options);

// The host as `resolve` wants it: the user, the workspaces, the environment, the cache directory.
Result<sandbox::Host> this_host(const PolicyOptions& options);
sandbox::EngineOptions engine_options(const sandbox::Host& host);

}  // namespace mayfly::app
