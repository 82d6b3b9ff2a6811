#include "sandbox/linux/capability_verdict.h"

namespace mayfly::sandbox {

CallVerdict capability_verdict(const Listener&, const seccomp_notif&) { return {}; }

}  // namespace mayfly::sandbox
