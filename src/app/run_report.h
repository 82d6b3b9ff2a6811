#pragma once

#include "base/error.h"
#include "sandbox/report.h"

namespace mayfly::app {

// What `mayfly run` says about a call, or about why there was none.

// One JSON object and a line end on stdout. Output that is not UTF-8 is in base64, and says so.
void print_json(const sandbox::Report& report);
void print_json(const Error& error);

// "mayfly: …" lines on stderr.
void print_error(const Error& error);
// What ended the call, if that was not the program itself, and what the sandbox stopped.
void print_findings(const sandbox::Report& report);

}  // namespace mayfly::app
