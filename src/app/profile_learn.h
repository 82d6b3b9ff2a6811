#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "app/run.h"

namespace mayfly::app {

struct LearnOptions {
  RunOptions run;
  std::string save;  // a new file; empty: none
};
void add_learn_options(CLI::App& command, LearnOptions& options);

// `mayfly profile learn … -- CMD…`: runs CMD once under the profile in use, nothing wider, with all
// denials told, and prints what would let it pass. Ends with the command's exit code, as `mayfly
// run` does.
int learn_profile(int argc, char** argv);

}  // namespace mayfly::app
