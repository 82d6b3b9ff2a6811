#pragma once

#include "mcp/tool.h"
#include "tools/briefing.h"
#include "tools/workbench.h"

namespace mayfly::tools {

// All tools of the server, in the order of their listing. `bench` may be null if nothing will ever
// be called, because the server answers every call with its start-up error.
mcp::ToolRegistry make_toolset(const Briefing& briefing, Workbench* bench);

// One file a tool.
mcp::ToolSpec run_command_spec(const Briefing& briefing);
mcp::ToolHandler run_command_handler(Workbench& bench);
mcp::ToolSpec read_file_spec(const Briefing& briefing);
mcp::ToolHandler read_file_handler(Workbench& bench);
mcp::ToolSpec write_file_spec(const Briefing& briefing);
mcp::ToolHandler write_file_handler(Workbench& bench);
mcp::ToolSpec edit_file_spec(const Briefing& briefing);
mcp::ToolHandler edit_file_handler(Workbench& bench);
mcp::ToolSpec list_directory_spec(const Briefing& briefing);
mcp::ToolHandler list_directory_handler(Workbench& bench);
mcp::ToolSpec search_files_spec(const Briefing& briefing);
mcp::ToolHandler search_files_handler(Workbench& bench);
mcp::ToolSpec get_job_spec(const Briefing& briefing);
mcp::ToolHandler get_job_handler(Workbench& bench);
mcp::ToolSpec send_input_spec(const Briefing& briefing);
mcp::ToolHandler send_input_handler(Workbench& bench);
mcp::ToolSpec stop_job_spec(const Briefing& briefing);
mcp::ToolHandler stop_job_handler(Workbench& bench);
mcp::ToolSpec list_jobs_spec(const Briefing& briefing);
mcp::ToolHandler list_jobs_handler(Workbench& bench);
mcp::ToolSpec sandbox_info_spec(const Briefing& briefing);
mcp::ToolHandler sandbox_info_handler(Workbench& bench);

}  // namespace mayfly::tools
