#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "app/policy_options.h"
#include "app/server_config.h"

namespace mayfly::app {

// The command line of `mayfly serve`. Values are kept as text and judged later, so that serve can
// answer with what is wrong instead of ending.
struct ServeOptions {
  PolicyOptions policy;
  std::string config;  // a file, instead of the usual ones
  std::string era;
  std::string receipt;
  std::string wait_ms;
  std::string max_calls;
  std::string max_queued;
  std::string audit;
};
void add_serve_options(CLI::App& command, ServeOptions& options);

// What the options say of the server's configuration, as the layer on top of its files. E1001 names
// the option at fault.
Result<ServerConfig> options_config(const ServeOptions& options);

}  // namespace mayfly::app
