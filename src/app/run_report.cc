#include "app/run_report.h"

#include <cstdio>
#include <memory>
#include <string>

#include "base/text.h"
#include "mcp/json.h"
#include "tools/full_receipt.h"
#include "tools/plain_text.h"
#include "tools/receipt_text.h"

namespace mayfly::app {
namespace {

using mcp::Json;
using sandbox::EndedBy;

void print(const Json& object) {
  const std::string line = mcp::dump_json(object) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

void say(const std::string& line) { std::fprintf(stderr, "mayfly: %s\n", line.c_str()); }

// Exactly what the program wrote: nothing is cut, stripped or repaired here.
void add_stream(Json& object, const std::string& name,
                const std::shared_ptr<sandbox::OutputStream>& stream) {
  std::string bytes = stream ? stream->read(0, static_cast<std::size_t>(stream->size())) : "";
  if (text::is_utf8(bytes)) {
    object[name] = std::move(bytes);
    return;
  }
  object[name] = tools::base64(bytes);
  object[name + "_encoding"] = "base64";
}

}  // namespace

void print_json(const sandbox::Report& report) {
  Json object = tools::full_receipt(report);
  add_stream(object, "stdout", report.out);
  add_stream(object, "stderr", report.err);
  print(object);
}

void print_json(const Error& error) {
  print(
      {{"status", "failed_to_start"}, {"ended_by", "setup"}, {"error", tools::error_json(error)}});
}

void print_error(const Error& error) { say(describe(error)); }

void print_findings(const sandbox::Report& report) {
  // A cancelled call was ended by us, because of a signal or since nobody reads our stdout.
  if (report.ended_by != EndedBy::kExit && report.ended_by != EndedBy::kSignal &&
      report.ended_by != EndedBy::kCancelled) {
    say(tools::ending(report));
  }
  for (const sandbox::Violation& violation : report.violations) {
    say("denied: " + tools::violation_line(violation));
  }
  for (const sandbox::LimitUse& limit : report.limits) {
    if (limit.reached) say("limit: " + tools::limit_line(limit));
  }
}

}  // namespace mayfly::app
