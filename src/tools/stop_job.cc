#include <memory>
#include <string>
#include <utility>

#include "tools/receipt.h"
#include "tools/toolset.h"
#include "tools/waiting.h"

namespace mayfly::tools {
namespace {

using mcp::Json;

// Beyond the grace, KILL needs only a moment; a job that is slower to go is answered as running.
constexpr milliseconds kAfterKill{3'000};

void stop(Workbench& bench, mcp::ToolCall call, mcp::ToolReply reply) {
  const std::string id = call.arguments.at("job_id").get<std::string>();
  auto job = bench.jobs.find(call.principal, id);
  if (!job) return reply(mcp::error_result(job.error()));

  (*job)->terminate(bench.options().stop_grace);
  Wait wait{.job = *job,
            .limit = bench.options().stop_grace + kAfterKill,
            .heartbeat = bench.options().heartbeat,
            .on_cancel = OnCancel::kLeaveJob,
            .answer = [job = *job, id, form = bench.options().receipt] {
              Snapshot shown = snapshot(*job, {});
              shown.job_id = id;
              return receipt(shown, form);
            }};
  wait_for(bench.timers, std::move(wait), call.cancel, std::move(reply));
}

}  // namespace

mcp::ToolSpec stop_job_spec(const Briefing&) {
  return {.name = "stop_job",
          .title = "Stop a job",
          .description = "Ends a job: TERM, then KILL after 2 s. Answers with its last output.",
          .input_schema = {{"type", "object"},
                           {"properties", {{"job_id", {{"type", "string"}}}}},
                           {"required", Json::array({"job_id"})},
                           {"additionalProperties", false}},
          .output_schema = receipt_schema(),
          .annotations = {
              .read_only = false, .destructive = true, .idempotent = true, .open_world = false}};
}

mcp::ToolHandler stop_job_handler(Workbench& bench) {
  return [&bench](mcp::ToolCall call, mcp::ToolReply reply) {
    stop(bench, std::move(call), std::move(reply));
  };
}

}  // namespace mayfly::tools
