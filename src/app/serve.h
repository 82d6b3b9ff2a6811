#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "app/policy_options.h"

namespace mayfly::app {

struct ServeOptions {
  PolicyOptions policy;
  std::string era = "auto";
  std::string receipt = "lean";
  std::string wait_ms;
  std::string max_calls;
  std::string max_queued;
};
void add_serve_options(CLI::App& command, ServeOptions& options);

// `mayfly serve …`: an MCP server on stdin and stdout until the input ends or a signal comes. What
// is wrong with the configuration does not end it: each call is answered with that error, since a
// client shows a server that died as no more than that.
int serve(int argc, char** argv);

}  // namespace mayfly::app
