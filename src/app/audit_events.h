#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/server_config.h"
#include "base/background_thread.h"
#include "sandbox/policy.h"
#include "tools/audit_trail.h"

// The records that are about the server, and not about a call. All do nothing without a trail.
namespace mayfly::app {

using Policies = std::vector<std::shared_ptr<const sandbox::Policy>>;

void record_start(tools::AuditTrail* trail, const ServerConfig& config,
                  const std::vector<sandbox::Policy>& policies);
// What this host can enforce, which takes a while to find out: in `thread`, which must be drained
// before the trail goes.
void record_host(tools::AuditTrail* trail, BackgroundThread& thread);
// Changed files were taken. Without policies calls are refused.
void record_reload(tools::AuditTrail* trail, const ServerConfig& config, const Policies& policies);
// They were not.
void record_refused_reload(tools::AuditTrail* trail, const std::string& why);

}  // namespace mayfly::app
