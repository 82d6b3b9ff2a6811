#pragma once

#include "mcp/resource.h"
#include "tools/workbench.h"

namespace mayfly::tools {

// All resources of the server. `bench` must outlive the registry.
mcp::ResourceRegistry make_resources(Workbench& bench);

}  // namespace mayfly::tools
