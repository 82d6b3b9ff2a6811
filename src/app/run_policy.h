#pragma once

#include "app/policy_options.h"
#include "app/run_request.h"
#include "base/result.h"
#include "sandbox/policy.h"

namespace mayfly::app {

// The policy of one `mayfly run`: of the first profile that the operator named. A request (null:
// there is none) may choose another one of these; or, where the operator named none, one that is
// nowhere wider than the default; and what it says about files is put on top. E1002 for a profile
// that cannot be chosen, E2003 for whatever would widen, each with the member at fault.
Result<sandbox::Policy> run_policy(const PolicyOptions& options, const sandbox::Host& host,
                                   const RunRequest* request);

// The limits of the call: the policy's, lowered to what the request says. E2003 for one above.
Result<sandbox::Limits> run_limits(const sandbox::Policy& policy, const RunRequest& request);

}  // namespace mayfly::app
