#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace mayfly::app {

// `mayfly audit show|verify`. Times are text and judged later.
struct AuditCommandOptions {
  std::string file, key_file, config;
  std::string since, until, caller, tool, event, call, ended_by;
  std::string format = "table";
  bool denied = false;
  std::uint64_t limit = 0;  // 0: all; a page has the latest 5 000
};
void add_audit_commands(CLI::App& command, AuditCommandOptions& options);

// The exit code: 0; 1 for a log that is not intact, or an error; 2 for a bad command line.
int audit(int argc, char** argv);

}  // namespace mayfly::app
