#include "tools/toolset.h"

#include <utility>

namespace mayfly::tools {
namespace {

using Spec = mcp::ToolSpec (*)(const Briefing&);
using Handler = mcp::ToolHandler (*)(Workbench&);

constexpr std::pair<Spec, Handler> kTools[] = {
    {run_command_spec, run_command_handler},
    {read_file_spec, read_file_handler},
    {write_file_spec, write_file_handler},
    {edit_file_spec, edit_file_handler},
    {list_directory_spec, list_directory_handler},
    {search_files_spec, search_files_handler},
    {get_job_spec, get_job_handler},
    {send_input_spec, send_input_handler},
    {stop_job_spec, stop_job_handler},
    {list_jobs_spec, list_jobs_handler},
    {sandbox_info_spec, sandbox_info_handler},
};

}  // namespace

mcp::ToolRegistry make_toolset(const Briefing& briefing, Workbench* bench) {
  mcp::ToolRegistry tools;
  for (const auto& [spec, handler] : kTools) {
    // Without a handler a call would throw, which ends it with an internal error, not with a lie.
    tools.add(spec(briefing), bench == nullptr ? mcp::ToolHandler() : handler(*bench));
  }
  return tools;
}

}  // namespace mayfly::tools
