#pragma once

#include "mcp/json.h"

namespace mayfly::app {

// JSON Schemas (draft 7) of what `mayfly run --request` reads and of what it answers.
mcp::Json run_request_schema();
mcp::Json run_answer_schema();

}  // namespace mayfly::app
