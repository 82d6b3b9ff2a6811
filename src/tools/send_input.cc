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

// An answer comes in pieces, and on a terminal the echo of the question comes first.
constexpr milliseconds kQuiet{100};

std::uint64_t size_of(const std::shared_ptr<sandbox::OutputStream>& stream) {
  return stream ? stream->size() : 0;
}

Status write_to(Job& job, const Json& arguments) {
  const Json* text = member(arguments, "text");
  const bool close = parse_flag(arguments, "close");
  if (text == nullptr && !close) {
    return fail(input_error(ErrorCode::kInvalidArgument, "text", "", "is missing",
                            "give text, close: true, or both"));
  }
  if (job.outcome()) {
    return fail(input_error(ErrorCode::kInvalidArgument, "job_id", "", "the job has ended",
                            "get_job shows how, and its output"));
  }
  if (text != nullptr) TRY(job.write_input(text->get<std::string>()));
  if (close) TRY(job.close_input());
  return {};
}

void send(Workbench& bench, mcp::ToolCall call, mcp::ToolReply reply) {
  const std::string id = call.arguments.at("job_id").get<std::string>();
  auto job = bench.jobs.find(call.principal, id);
  if (!job) return reply(mcp::error_result(job.error()));

  OutputChoice since;
  since.max_chars = parse_max_chars(call.arguments);
  since.offset = size_of((*job)->out());
  since.err_offset = size_of((*job)->err());
  if (auto sent = write_to(**job, call.arguments); !sent) {
    return reply(mcp::error_result(sent.error()));
  }
  Wait wait{.job = *job,
            .limit = parse_wait(call.arguments, milliseconds{0}, bench.options().max_wait),
            .heartbeat = bench.options().heartbeat,
            .on_cancel = OnCancel::kLeaveJob,
            .answer = [job = *job, id, since, form = bench.options().receipt] {
              Snapshot shown = snapshot(*job, since);
              shown.job_id = id;
              return receipt(shown, form);
            }};
  if (wait.limit > milliseconds{0}) {
    wait.quiet = kQuiet;
    wait.look = [job = *job, since] {
      const bool more =
          size_of(job->out()) > *since.offset || size_of(job->err()) > *since.err_offset;
      return more ? Look::kFound : Look::kNothing;
    };
  }
  wait_for(bench.timers, std::move(wait), call.cancel, std::move(reply));
}

}  // namespace

mcp::ToolSpec send_input_spec(const Briefing& briefing) {
  Json properties = Json::object();
  properties["job_id"] = {{"type", "string"}};
  properties["text"] = {{"type", "string"}, {"description", "as it is: no newline is added"}};
  properties["close"] = {{"type", "boolean"}, {"description", "then end of file"}};
  properties["wait_ms"] = {
      {"type", "integer"}, {"minimum", 0}, {"description", "for output; default 0"}};
  properties["max_output_chars"] = {{"type", "integer"}, {"minimum", 0}};
  return {.name = "send_input",
          .title = "Send input",
          .description =
              "Writes to the stdin of a job with background or pty; answers with what it printed "
              "since.",
          .input_schema = {{"type", "object"},
                           {"properties", std::move(properties)},
                           {"required", Json::array({"job_id"})},
                           {"additionalProperties", false}},
          .output_schema = receipt_schema(),
          .annotations = {.read_only = false,
                          .destructive = briefing.workspace_writable,
                          .idempotent = false,
                          .open_world = briefing.network}};
}

mcp::ToolHandler send_input_handler(Workbench& bench) {
  return [&bench](mcp::ToolCall call, mcp::ToolReply reply) {
    send(bench, std::move(call), std::move(reply));
  };
}

}  // namespace mayfly::tools
