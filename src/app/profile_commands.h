#pragma once

#include <CLI/CLI.hpp>

namespace mayfly::app {

struct ProfileOptions;
void add_profile_commands(CLI::App& command, ProfileOptions& options);

// `mayfly profile list|show|check|explain|diff|create|delete|allow|schema`: for the operator who
// writes profiles. Exits with 0; 1 if an input is wrong, with what is wrong on stderr; 2 for a
// wrong command line. `explain` with questions: 3 if one of them is answered with no. `diff` as
// diff(1): 1 if the two differ, 2 if one of them cannot be read.
int profile(int argc, char** argv);

}  // namespace mayfly::app
