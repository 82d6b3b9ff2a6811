#include <memory>
#include <string>
#include <utility>

#include "mcp/json.h"
#include "tools/command_request.h"
#include "tools/receipt.h"
#include "tools/toolset.h"
#include "tools/waiting.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using mcp::member;

OutputChoice output_of(const Json& arguments) {
  OutputChoice output;
  output.max_chars = parse_max_chars(arguments);
  if (const Json* offset = member(arguments, "offset")) {
    output.offset = offset->get<std::uint64_t>();
  }
  if (const Json* stream = member(arguments, "stream")) {
    output.stream = *stream == "stderr" ? StreamName::kStderr : StreamName::kStdout;
  }
  return output;
}

void get(Workbench& bench, mcp::ToolCall call, mcp::ToolReply reply) {
  const std::string id = call.arguments.at("job_id").get<std::string>();
  auto job = bench.jobs.find(call.principal, id);
  if (!job) return reply(mcp::error_result(job.error()));

  Wait wait{.job = *job,
            .limit = parse_wait(call.arguments, milliseconds{0}, bench.options().max_wait),
            .heartbeat = bench.options().heartbeat,
            .on_cancel = OnCancel::kLeaveJob,
            .answer = [job = *job, id, output = output_of(call.arguments),
                       form = bench.options().receipt] {
              Snapshot shown = snapshot(*job, output);
              shown.job_id = id;
              return receipt(shown, form);
            }};
  wait_for(bench.timers, std::move(wait), call.cancel, std::move(reply));
}

}  // namespace

mcp::ToolSpec get_job_spec(const Briefing& briefing) {
  Json properties = Json::object();
  properties["job_id"] = {{"type", "string"}};
  properties["wait_ms"] = {
      {"type", "integer"},
      {"minimum", 0},
      {"description", "wait for its end; default 0, most " + human_time(briefing.max_wait)}};
  properties["offset"] = {{"type", "integer"},
                          {"minimum", 0},
                          {"description", "byte to read on from, as next_offset said"}};
  properties["stream"] = {{"type", "string"}, {"enum", Json::array({"stdout", "stderr"})}};
  properties["max_output_chars"] = {{"type", "integer"}, {"minimum", 0}};
  return {.name = "get_job",
          .title = "Get a job",
          .description =
              "Status and output of a job: head and tail, or what follows offset. A "
              "finished job is kept for a while.",
          .input_schema = {{"type", "object"},
                           {"properties", std::move(properties)},
                           {"required", Json::array({"job_id"})},
                           {"additionalProperties", false}},
          .output_schema = receipt_schema(),
          .annotations = {
              .read_only = true, .destructive = false, .idempotent = true, .open_world = false}};
}

mcp::ToolHandler get_job_handler(Workbench& bench) {
  return [&bench](mcp::ToolCall call, mcp::ToolReply reply) {
    get(bench, std::move(call), std::move(reply));
  };
}

}  // namespace mayfly::tools
