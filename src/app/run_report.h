#pragma once

#include <chrono>

#include "base/error.h"
#include "sandbox/report.h"

namespace mayfly::app {

// What `mayfly run` says about a call, or about why there was none.

// A call that has ended. Times of the wall clock are for display.
struct CallResult {
  sandbox::Report report;
  std::chrono::system_clock::time_point started;
  std::chrono::system_clock::time_point ended;
};

// What output that is not UTF-8 becomes: base64; or, if it is a text all the same, a repaired one.
// Either says so beside it.
enum class StreamForm { kExact, kText };

// One JSON object and a line end on stdout.
void print_json(const CallResult& result, StreamForm form);
void print_json(const Error& error);
// {"request": …, "answer": …}
void print_request_schema();

// "mayfly: …" lines on stderr; of an error with several lines each has its own.
void print_error(const Error& error);
// What ended the call, if that was not the program itself, and what the sandbox stopped.
void print_findings(const sandbox::Report& report);

}  // namespace mayfly::app
