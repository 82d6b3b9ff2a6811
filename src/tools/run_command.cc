#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "tools/command_request.h"
#include "tools/full_receipt.h"
#include "tools/receipt.h"
#include "tools/toolset.h"
#include "tools/waiting.h"

namespace mayfly::tools {
namespace {

using mcp::Json;

Json text_property(const std::string& description) {
  return {{"type", "string"}, {"description", description}};
}

// Without a maximum: what is too large is refused with its own words (E2003), or lowered visibly.
Json number_property(std::int64_t low, const std::string& description) {
  return {{"type", "integer"}, {"minimum", low}, {"description", description}};
}

Json limits_property(const sandbox::Limits& ceilings) {
  Json properties = Json::object();
  for (const LimitField& field : kLimitFields) {
    properties[field.name] = {{"type", "integer"}, {"minimum", 1}};
  }
  properties["cpu_ms"] = {{"type", "integer"}, {"minimum", 1}};
  return {
      {"type", "object"},
      {"properties", std::move(properties)},
      {"additionalProperties", false},
      {"description", "lower limits; memory at most " + text::human_bytes(ceilings.memory_bytes)}};
}

Json input_schema(const Briefing& briefing) {
  const sandbox::Limits& limits = briefing.limits;
  Json properties = Json::object();
  properties["command"] = text_property("for bash -c");
  properties["argv"] = {{"type", "array"},
                        {"items", {{"type", "string"}}},
                        {"description", "program and arguments, instead of command"}};
  properties["cwd"] = text_property("absolute, or relative to the workspace");
  properties["env"] = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
  properties["stdin"] = text_property("without it stdin is at end of file");
  properties["timeout_ms"] =
      number_property(1, "then TERM and KILL; default and most " + human_time(limits.wall) +
                             ", in background " + human_time(limits.job_wall));
  properties["wait_ms"] = number_property(
      0, "then it goes on as a job; default and most " + human_time(briefing.max_wait));
  properties["background"] = {{"type", "boolean"}, {"description", "a job at once"}};
  if (briefing.profiles.size() > 1) {
    // No enum: a profile that is offered since this was listed must not be refused.
    properties["profile"] = text_property("one of " + text::join(briefing.profiles, ", "));
  }
  properties["limits"] = limits_property(limits);
  properties["max_output_chars"] =
      number_property(0, "default " + std::to_string(kDefaultOutputChars));
  properties["receipt"] = {{"type", "string"}, {"enum", Json::array({"lean", "full"})}};
  return {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

std::string description(const Briefing& briefing) {
  const std::string access = briefing.workspace_writable ? "read-write" : "read-only";
  return "Runs a shell command or program in a fresh Linux sandbox: output, exit code, usage, "
         "denials. Workspace " +
         access + ", " + (briefing.network ? "limited" : "no") +
         " network, /tmp new each call, $SCRATCH kept. At most " +
         human_time(briefing.limits.wall) + ", " + text::human_bytes(briefing.limits.memory_bytes) +
         ", " + std::to_string(briefing.limits.processes) + " processes. What runs longer than " +
         human_time(briefing.max_wait) + " becomes a job for get_job.";
}

// The answer to a call whose wait is over: its receipt, or, while it runs, the job's.
mcp::ToolResult answer(Workbench& bench, const std::shared_ptr<Job>& job,
                       const OutputChoice& output, ReceiptForm form) {
  if (!job->outcome()) job->become_job();
  Snapshot call = snapshot(*job, output);
  if (call.running() || call.truncated()) call.job_id = bench.jobs.admit(job);
  return receipt(call, form);
}

void run(Workbench& bench, mcp::ToolCall call, mcp::ToolReply reply) {
  auto request = parse_command_request(call.arguments, bench);
  if (!request) return reply(mcp::error_result(request.error()));
  if (request->place == Place::kBackground) {
    if (auto room = bench.jobs.check_room(); !room) return reply(mcp::error_result(room.error()));
  }

  auto job = std::make_shared<Job>(call.principal, request->policy->profile, request->summary);
  sandbox::CallObserver observer;
  observer.on_finish = [&bench, job, stale = request->stale_because](sandbox::Report report) {
    if (!stale.empty()) report.unavailable.push_back({kChangedConfiguration, stale});
    mcp::Json full = full_receipt(report);
    bench.calls.add(job->principal(), full);
    job->finish({std::move(report), std::move(full)});
  };
  request->command.caller = call.principal;
  auto started =
      bench.engine->start(request->policy, std::move(request->command), std::move(observer));
  if (!started) return reply(mcp::error_result(started.error()));
  job->attach(*std::move(started));

  const milliseconds limit = request->place == Place::kBackground ? milliseconds{0} : request->wait;
  Wait wait{.job = job,
            .limit = limit,
            .heartbeat = bench.options().heartbeat,
            .on_cancel = OnCancel::kCancelJob,
            .answer = [&bench, job, output = request->output, form = request->form] {
              return answer(bench, job, output, form);
            }};
  wait_for(bench.timers, std::move(wait), call.cancel, std::move(reply));
}

}  // namespace

mcp::ToolSpec run_command_spec(const Briefing& briefing) {
  return {.name = "run_command",
          .title = "Run a command",
          .description = description(briefing),
          .input_schema = input_schema(briefing),
          .output_schema = receipt_schema(),
          .annotations = {.read_only = false,
                          .destructive = briefing.workspace_writable,
                          .idempotent = false,
                          .open_world = briefing.network},
          .meta = {{"anthropic/alwaysLoad", true}}};
}

mcp::ToolHandler run_command_handler(Workbench& bench) {
  return [&bench](mcp::ToolCall call, mcp::ToolReply reply) {
    run(bench, std::move(call), std::move(reply));
  };
}

}  // namespace mayfly::tools
