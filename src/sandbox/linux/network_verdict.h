#pragma once

#include <linux/seccomp.h>

#include "sandbox/linux/call_verdict.h"
#include "sandbox/linux/listener.h"

namespace mayfly::sandbox {

// Whether the sandbox denies an observed call of Subject::kNetwork. Never blocks.
CallVerdict network_verdict(const Listener& listener, const seccomp_notif& request);

}  // namespace mayfly::sandbox
