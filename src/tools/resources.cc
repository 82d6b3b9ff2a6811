#include "tools/resources.h"

#include <memory>

#include "tools/call_resources.h"
#include "tools/job_resources.h"

namespace mayfly::tools {

mcp::ResourceRegistry make_resources(Workbench& bench) {
  mcp::ResourceRegistry resources;
  resources.add(std::make_shared<JobResources>(bench.jobs));
  resources.add(std::make_shared<CallResources>(bench.calls));
  return resources;
}

}  // namespace mayfly::tools
