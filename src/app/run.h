#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "app/policy_options.h"
#include "sandbox/report.h"

namespace mayfly::app {

struct RunOptions {
  PolicyOptions policy;
  std::string cwd;
  bool json = false;
  bool quiet = false;
  std::vector<std::string> command;
};
void add_run_options(CLI::App& command, RunOptions& options);

// `mayfly run … -- CMD…`: one command in a sandbox of its own, with the streams and the exit code
// of the command. Violations, and what ended it, go to stderr; with --json all of it goes to stdout
// as one object, and nothing else does.
int run(int argc, char** argv);

// As shells do: the program's own; 124 after a timeout; 125 when Mayfly failed; 126 and 127 when
// the program cannot be executed or found; 128 and the signal's number.
int exit_code_of(const sandbox::Report& report);
inline constexpr int kMayflyFailed = 125;

}  // namespace mayfly::app
