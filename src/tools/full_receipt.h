#pragma once

#include "base/error.h"
#include "mcp/tool.h"
#include "sandbox/report.h"
#include "tools/violation_store.h"

namespace mayfly::tools {

// Everything that a report knows, without the output itself. What this host could not give is
// listed under "unavailable" with the reason, never left as a zero.
mcp::Json full_receipt(const sandbox::Report& report, const Repetitions& repeated = {});

// {"code": "E1003", "message": …}; field, value and remedy only if there are any.
mcp::Json error_json(const Error& error);

}  // namespace mayfly::tools
