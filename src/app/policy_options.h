#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/engine.h"
#include "sandbox/policy.h"
#include "sandbox/profile.h"

namespace mayfly::app {

// What serve and run have in common: the operator's own words about the policy. Values are kept as
// text and judged by `profiles`, so that serve can answer with what is wrong instead of ending.
struct PolicyOptions {
  std::vector<std::string> workspaces;
  std::string profiles;  // comma-separated; empty: the default one
  std::string timeout_ms;
  std::string job_timeout_ms;
  std::string memory;
  std::string cpu_ms;
  std::string cpu_percent;
  std::string pids;
  std::string disk;
  std::string io_bytes_per_second;
  std::string max_output_bytes;
  std::string tier;
  std::vector<std::string> read;
  std::vector<std::string> env;  // "K=V", or "K" to pass the server's own
};

void add_policy_options(CLI::App& command, PolicyOptions& options);

// Makes an empty value of any of `command`'s options an error.
void refuse_empty_values(CLI::App& command);

// What the options say, as a layer on top of whatever profile is used. E1001 with the option at
// fault.
Result<sandbox::Profile> options_layer(const PolicyOptions& options);
std::vector<std::string> profile_names(const PolicyOptions& options);

// The host as `resolve` wants it: the user, the workspaces, the environment, the cache directory.
Result<sandbox::Host> this_host(const PolicyOptions& options);
sandbox::EngineOptions engine_options(const sandbox::Host& host);

// "4096", "512M", "2GiB": powers of 1024.
Result<std::uint64_t> parse_size(std::string_view option, const std::string& text);

}  // namespace mayfly::app
