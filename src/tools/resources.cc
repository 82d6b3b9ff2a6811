#include "tools/resources.h"

#include <memory>

#include "tools/call_resources.h"
#include "tools/job_resources.h"
#include "tools/violation_resources.h"

namespace mayfly::tools {

mcp::ResourceRegistry make_resources(Workbench& bench) {
  mcp::ResourceRegistry resources;
  resources.add(std::make_shared<JobResources>(bench.jobs));
  resources.add(std::make_shared<CallResources>(bench.calls));
  resources.add(std::make_shared<ViolationResources>(bench.violations));
  resources.set_updates(bench.updates);
  return resources;
}

}  // namespace mayfly::tools
