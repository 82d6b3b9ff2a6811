#include "tools/file_call.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/text.h"
#include "tools/audit_trail.h"
#include "tools/full_receipt.h"
#include "tools/receipt.h"
#include "tools/receipt_text.h"
#include "tools/violation_resources.h"
#include "tools/waiting.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using mcp::member;
using sandbox::EndedBy;
using sandbox::Report;

// The largest answer: an image, or a page of text in which every character has four bytes.
constexpr std::uint64_t kMostAnswerBytes = 8ULL << 20;
// For a call that waits for a place, on top of its own time.
constexpr milliseconds kWaitForPlace{5'000};

constexpr const char* kHeaderMetaKey = "dev.mayfly/file";

Error ended(ErrorCode code, std::string message, std::string remedy) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

// Why there is no answer to make words of.
std::optional<Error> failure_of(const FileCall& file, const Report& report, Unfinished unfinished) {
  if (report.setup_error) {
    const bool missing = report.setup_error->code == ErrorCode::kProgramNotStarted;
    return missing && file.not_started ? file.not_started : report.setup_error;
  }
  switch (report.ended_by) {
    case EndedBy::kExit:
      return std::nullopt;
    case EndedBy::kTimeout:
      if (unfinished == Unfinished::kFormat) return std::nullopt;
      return ended(ErrorCode::kOutOfResources,
                   "took longer than " + human_time(kMostFileTime) + " (" + ending(report) + ")",
                   "ask for less, or use run_command");
    case EndedBy::kOutput:
      if (unfinished == Unfinished::kFormat) return std::nullopt;
      [[fallthrough]];
    case EndedBy::kMemory:
    case EndedBy::kCpu:
    case EndedBy::kPids:
    case EndedBy::kDisk:
      return ended(ErrorCode::kOutOfResources, "was stopped: " + ending(report),
                   "ask for less; the limit is the profile's");
    case EndedBy::kCancelled:
      return ended(ErrorCode::kCancelled, "was cancelled",
                   "call again; look first whether it was done, if it writes");
    case EndedBy::kSignal:
    case EndedBy::kSeccomp:
    case EndedBy::kSetup:
      return ended(ErrorCode::kSandboxLost, "the sandbox gave no answer: " + ending(report),
                   "call again; if it stays so, use run_command and report it");
  }
  return std::nullopt;
}

// What this call wrote and what is not there any more, since programs of the host run it.
std::optional<Error> undone(const Report& report, const FileCall& file) {
  for (const sandbox::Violation& violation : report.violations) {
    if (violation.kind != sandbox::ViolationKind::kHostCode) continue;
    // It may be a directory above, which was not there before.
    const std::string own = text::one_line(path_in_area(file.target));
    if (own != violation.target && !own.starts_with(violation.target + "/")) continue;
    return input_error(ErrorCode::kPathRefused, "path", file.target.shown,
                       "was not kept: programs of the host run what is there",
                       violation.remedy.empty() ? "ask the operator" : violation.remedy);
  }
  return std::nullopt;
}

// What the reader must know about the call beside what it did.
std::vector<std::string> findings(const Report& report, const Repetitions& repeated) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < report.violations.size() && i < kMostShownViolations; ++i) {
    out.push_back("denied: " + violation_line(report.violations[i], repeated_at(repeated, i)));
  }
  if (report.tier != "full") out.push_back("enforced here: " + text::join(report.layers, ", "));
  if (const std::string note = note_of(report); !note.empty()) out.push_back("note: " + note);
  return out;
}

// What we say comes before the details, which a file may have written.
mcp::ToolResult refused(Error error, const std::vector<std::string>& notes) {
  const std::string details = std::exchange(error.details, {});
  mcp::ToolResult result = mcp::error_result(error);
  std::string& said = std::get<mcp::TextContent>(result.content[0]).text;
  for (const std::string& note : notes) said += "\n" + note;
  if (!details.empty()) said += "\n\n" + text::repair_utf8(details);
  return result;
}

mcp::ToolResult shown(FileAnswer answer, const std::vector<std::string>& notes) {
  std::string head = text::join(answer.header, " · ");
  for (const std::string& line : answer.lines) head += "\n" + line;
  for (const std::string& note : notes) head += "\n" + note;
  mcp::ToolResult result;
  if (answer.image) {
    result.content.emplace_back(*std::move(answer.image));
    result.meta[kHeaderMetaKey] = std::move(head);
    return result;
  }
  if (!answer.body.empty()) head += "\n\n" + answer.body;
  result.content.emplace_back(mcp::TextContent{std::move(head)});
  return result;
}

mcp::ToolResult words_for(const FileCall& file, const Outcome& outcome, Unfinished unfinished,
                          const FileFormat& format) {
  const Report& report = outcome.report;
  const std::vector<std::string> notes = findings(report, outcome.repeated);
  if (const auto error = failure_of(file, report, unfinished)) return refused(*error, notes);
  if (const auto error = undone(report, file)) return refused(*error, notes);
  FileEnd end{report, report.out ? report.out->read(0, report.out->size()) : std::string()};
  if (!file.command.task.empty() && report.exit_code != 0) {
    return refused(ended(ErrorCode::kSandboxLost, "the task failed: " + ending(report),
                         "call again; if it stays so, use run_command and report it"),
                   notes);
  }
  auto answer = format(end);
  return answer ? shown(*std::move(answer), notes) : refused(answer.error(), notes);
}

mcp::ToolResult result_of(const std::shared_ptr<Job>& job, const FileCall& file,
                          Unfinished unfinished, const FileFormat& format) {
  const auto outcome = job->outcome();
  if (!outcome) {
    const bool waiting = job->waiting();
    job->cancel();
    return mcp::error_result(
        waiting ? ended(ErrorCode::kBusy, "found no place among the calls that run",
                        "call again when others have ended")
                : ended(ErrorCode::kOutOfResources, "did not end in time and is being stopped",
                        "look whether it was done, if it writes, before calling again"));
  }
  mcp::ToolResult result = words_for(file, *outcome, unfinished, format);
  result.meta[kReceiptMetaKey] = outcome->full_receipt;
  return result;
}

}  // namespace

Result<FileCall> file_call(const mcp::ToolCall& call, Workbench& bench, PlaceUse use) {
  const Json* profile = member(call.arguments, "profile");
  const Json* path = member(call.arguments, "path");
  FileCall file;
  file.policy = TRY(bench.profiles.policy(profile ? profile->get<std::string>() : std::string()));
  file.stale_because = bench.profiles.trouble();
  file.target = TRY(place(path ? path->get<std::string>() : ".", *file.policy, use));
  file.command.caller = call.principal;
  sandbox::Limits& limits = file.command.limits;
  limits = file.policy->limits;
  limits.wall = std::min(limits.wall, kMostFileTime);
  limits.output_bytes = std::min(limits.output_bytes, kMostAnswerBytes);
  return file;
}

void set_task(FileCall& file, const char* task, std::string request) {
  file.command.task = task;
  file.command.stdin_bytes = std::move(request);
}

void start_file_call(Workbench& bench, FileCall file, Unfinished unfinished, FileFormat format,
                     const mcp::ToolCall& call, mcp::ToolReply reply) {
  auto job = std::make_shared<Job>(call.principal, file.policy->profile,
                                   text::one_line(call.tool + " " + file.target.shown));
  sandbox::CallObserver observer;
  observer.on_finish = [&bench, job, record = audited_for_later(call), tool = call.tool,
                        stale = file.stale_because](Report report) {
    if (!stale.empty()) report.unavailable.push_back({kChangedConfiguration, stale});
    Outcome outcome{std::move(report), {}};
    outcome.repeated =
        note_violations(bench.violations, *bench.updates, job->principal(), tool, outcome.report);
    outcome.full_receipt = full_receipt(outcome.report, outcome.repeated);
    bench.calls.add(job->principal(), outcome.full_receipt);
    if (record) record->ended(outcome.report, outcome.full_receipt);
    job->finish(std::move(outcome));
  };
  sandbox::Command command = std::move(file.command);
  // What stays behind says which task it was, not what it was given.
  file.command = {};
  file.command.task = command.task;
  auto started = bench.engine->start(file.policy, std::move(command), std::move(observer));
  if (!started) return reply(mcp::error_result(started.error()));
  if (AuditedCall* record = audited(call)) record->started();
  job->attach(*std::move(started));

  Wait wait{
      .job = job,
      .limit = kMostFileTime + kWaitForPlace,
      .heartbeat = bench.options().heartbeat,
      .on_cancel = OnCancel::kCancelJob,
      .answer = [job, file = std::make_shared<const FileCall>(std::move(file)), unfinished,
                 format = std::move(format)] { return result_of(job, *file, unfinished, format); }};
  wait_for(bench.timers, std::move(wait), call.cancel, std::move(reply));
}

Json file_schema(const Briefing& briefing, Json properties,
                 const std::vector<std::string>& required) {
  if (briefing.profiles.size() > 1) properties["profile"] = {{"type", "string"}};
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = required;
  schema["additionalProperties"] = false;
  return schema;
}

Result<std::uint64_t> number_argument(const Json& arguments, const char* name, std::uint64_t least,
                                      std::uint64_t otherwise) {
  const Json* value = member(arguments, name);
  if (value == nullptr) return otherwise;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() >= least) {
    return value->get<std::uint64_t>();
  }
  if (const auto number = value->get<std::int64_t>();
      number >= 0 && static_cast<std::uint64_t>(number) >= least) {
    return static_cast<std::uint64_t>(number);
  }
  return fail(input_error(ErrorCode::kInvalidArgument, name, value->dump(), "is too small",
                          "give at least " + std::to_string(least)));
}

std::string count_of(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string time_of(std::int64_t nanoseconds) {
  const std::time_t seconds = nanoseconds / 1'000'000'000;
  std::tm parts{};
  char text[64];
  if (::gmtime_r(&seconds, &parts) == nullptr) return "";
  const std::size_t size = std::strftime(text, sizeof text, "modified %Y-%m-%d %H:%M:%SZ", &parts);
  return std::string(text, size);
}

}  // namespace mayfly::tools
