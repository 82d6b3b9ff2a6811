#pragma once

#include <linux/seccomp.h>

#include "sandbox/linux/call_verdict.h"
#include "sandbox/linux/listener.h"

namespace mayfly::sandbox {

// Whether the sandbox denies an observed call of Subject::kCapability: one that asks for more than
// its own user's rights, for want of the capability. Answers as the kernel would, in its order:
// EINVAL for an id that the user namespace does not map, EPERM otherwise, EACCES for niceness.
//
// Nothing is said of what asks only for what it has (chown to the own ids), and of ids that stand
// for files of others (65534): who copies attributes along with a file asks for those. Never
// blocks.
CallVerdict capability_verdict(const Listener& listener, const seccomp_notif& request);

}  // namespace mayfly::sandbox
