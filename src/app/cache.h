#pragma once

#include <CLI/CLI.hpp>

namespace mayfly::app {

void add_cache_commands(CLI::App& command);

// `mayfly cache clear`: removes the build caches of every workspace, except those that a running
// server uses, and says what it did. Exits with 0, or 1 if something could not be removed.
int cache(int argc, char** argv);

}  // namespace mayfly::app
