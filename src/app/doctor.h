#pragma once

#include <CLI/CLI.hpp>

namespace mayfly::app {

struct DoctorOptions {
  bool json = false;
};
void add_doctor_options(CLI::App& command, DoctorOptions& options);

// `mayfly doctor [--json]`: what this host can do for a sandbox, found by trying, with the remedy
// for each gap. Needs no root, leaves nothing. Exits with 0 if the default profile can run on this
// host, 1 if not, 2 for a wrong command line.
int doctor(int argc, char** argv);

}  // namespace mayfly::app
