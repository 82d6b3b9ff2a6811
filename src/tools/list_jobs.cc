#include <memory>
#include <string>
#include <utility>

#include "tools/receipt.h"
#include "tools/receipt_text.h"
#include "tools/toolset.h"

namespace mayfly::tools {
namespace {

using mcp::Json;

void list(Workbench& bench, const mcp::ToolCall& call, mcp::ToolReply reply) {
  Json jobs = Json::array();
  std::string text;
  for (const JobTable::Entry& entry : bench.jobs.list(call.principal)) {
    const auto outcome = entry.job->outcome();
    const std::string status = outcome ? status_of(outcome->report) : "running";
    const auto age = entry.job->age().count();
    jobs.push_back({{"job_id", entry.id},
                    {"status", status},
                    {"command", entry.job->summary()},
                    {"wall_ms", age}});
    const JobTraits& traits = entry.job->traits();
    if (traits.terminal) jobs.back()["pty"] = true;
    const std::string how = outcome ? ending(outcome->report) : status;
    text += entry.id + " · " + how + " · " + std::to_string(age) + " ms · " + entry.job->summary() +
            (traits.terminal ? " · pty" : "") + "\n";
  }
  if (text.empty()) text = "no jobs";

  mcp::ToolResult result;
  result.content.emplace_back(mcp::TextContent{std::move(text)});
  result.structured = Json{{"jobs", std::move(jobs)}};
  reply(std::move(result));
}

}  // namespace

mcp::ToolSpec list_jobs_spec(const Briefing&) {
  return {.name = "list_jobs",
          .title = "List jobs",
          .description = "Your jobs, running and lately finished.",
          .input_schema = {{"type", "object"}, {"additionalProperties", false}},
          .output_schema = Json{{"type", "object"},
                                {"properties", {{"jobs", {{"type", "array"}}}}},
                                {"required", Json::array({"jobs"})}},
          .annotations = {
              .read_only = true, .destructive = false, .idempotent = true, .open_world = false}};
}

mcp::ToolHandler list_jobs_handler(Workbench& bench) {
  return
      [&bench](mcp::ToolCall call, mcp::ToolReply reply) { list(bench, call, std::move(reply)); };
}

}  // namespace mayfly::tools
