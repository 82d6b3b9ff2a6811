#include "app/run_report.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/run_request_schema.h"
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

Json error_json(const Error& error) {
  Json out = tools::error_json(error);
  std::vector<std::string> problems = text::split(error.message, '\n');
  if (problems.size() > 1) out["problems"] = std::move(problems);
  return out;
}

// "2026-01-31T23:59:59.123Z".
std::string rfc3339(std::chrono::system_clock::time_point time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::duration_cast<milliseconds>(time - whole).count();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  struct tm parts {};
  char date[32] = "";
  char text[48] = "";
  std::strftime(date, sizeof date, "%FT%T", ::gmtime_r(&seconds, &parts));
  std::snprintf(text, sizeof text, "%s.%03dZ", date, static_cast<int>(rest));
  return text;
}

void say(const std::string& line) { std::fprintf(stderr, "mayfly: %s\n", line.c_str()); }

// The whole of what the program wrote: nothing is cut or stripped here.
void add_stream(Json& object, const std::string& name,
                const std::shared_ptr<sandbox::OutputStream>& stream, StreamForm form) {
  std::string bytes = stream ? stream->read(0, static_cast<std::size_t>(stream->size())) : "";
  if (text::is_utf8(bytes)) {
    object[name] = std::move(bytes);
    return;
  }
  if (form == StreamForm::kText && !tools::looks_binary(bytes)) {
    object[name] = text::repair_utf8(bytes);
    object[name + "_encoding"] = "repaired";
    return;
  }
  object[name] = tools::base64(bytes);
  object[name + "_encoding"] = "base64";
}

}  // namespace

void print_json(const CallResult& result, StreamForm form) {
  const sandbox::Report& report = result.report;
  Json object = tools::full_receipt(report);
  if (report.setup_error) object["error"] = error_json(*report.setup_error);
  add_stream(object, "stdout", report.out, form);
  add_stream(object, "stderr", report.err, form);
  object["timestamps"] = {{"started", rfc3339(result.started)}, {"ended", rfc3339(result.ended)}};
  print(object);
}

void print_json(const Error& error) {
  print({{"status", "failed_to_start"}, {"ended_by", "setup"}, {"error", error_json(error)}});
}

void print_request_schema() {
  print({{"request", run_request_schema()}, {"answer", run_answer_schema()}});
}

void print_error(const Error& error) {
  const std::vector<std::string> lines = text::split(error.message, '\n');
  if (lines.size() == 1) return say(describe(error));
  for (const std::string& line : lines) {
    say(to_string(error.code) + " " + text::one_line(line));
  }
  if (!error.remedy.empty()) say("Remedy: " + text::one_line(error.remedy));
}

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
  if (const std::string note = tools::note_of(report); !note.empty()) say("note: " + note);
}

}  // namespace mayfly::app
