#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "app/policy_options.h"
#include "app/run_report.h"
#include "sandbox/engine.h"
#include "sandbox/report.h"

namespace mayfly::app {

struct RunOptions {
  PolicyOptions policy;
  std::string cwd;
  bool json = false;
  bool quiet = false;
  std::string request;  // a file, or "-" for stdin; empty: the command line says what to run
  bool request_schema = false;
  std::vector<std::string> command;
};
void add_run_options(CLI::App& command, RunOptions& options);

// Runs what the options say, once. `used`, unless it is null, gets the policy.
Result<CallResult> run_call(const RunOptions& options, std::unique_ptr<sandbox::Prestart> early,
                            std::shared_ptr<const sandbox::Policy>* used = nullptr);

// `mayfly run … -- CMD…`: one command in a sandbox of its own, with the streams and the exit code
// of the command. Violations, and what ended it, go to stderr; with --json or --request all of it
// goes to stdout as one object, and nothing else does.
int run(int argc, char** argv);

// As shells do: the program's own; 124 after a timeout; 125 when Mayfly failed; 126 and 127 when
// the program cannot be executed or found; 128 and the signal's number. `stop_signal`: which signal
// asked us to end it, or 0.
int exit_code_of(const sandbox::Report& report, int stop_signal);
inline constexpr int kMayflyFailed = 125;

}  // namespace mayfly::app
