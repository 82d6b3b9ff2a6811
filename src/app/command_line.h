#pragma once

#include <CLI/CLI.hpp>
#include <optional>

namespace mayfly::app {

// Parses what follows the subcommand at argv[1]. Help or a fault is printed, and the exit code for
// it returned: 0 or 2.
std::optional<int> parse_or_explain(CLI::App& command, int argc, char** argv);

}  // namespace mayfly::app
