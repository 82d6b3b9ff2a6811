#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "app/serve_options.h"

namespace mayfly::app {

struct ConfigOptions {
  std::string file;  // of check
  bool json = false;
  ServeOptions serve;  // of show
};
void add_config_commands(CLI::App& command, ConfigOptions& options);

// `mayfly config check [FILE]`: says on stderr all that is wrong with the configuration files, the
// profiles that they offer and their workspaces, a line each as compilers do, and exits with 0
// or 1. `mayfly config show [--json] [options of serve]`: what holds, and who says so, as TOML.
// `mayfly config schema`: the JSON Schema of the files.
int config(int argc, char** argv);

}  // namespace mayfly::app
