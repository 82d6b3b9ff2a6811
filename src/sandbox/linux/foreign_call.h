#pragma once

#include <linux/seccomp.h>

#include "sandbox/linux/ledger.h"
#include "sandbox/linux/listener.h"

namespace mayfly::sandbox {

// Refuses a call of another architecture (is_foreign in syscall_text.h): it goes to the ledger and
// is answered ENOSYS, and the process that made it gets SIGSYS, or SIGKILL if it would not die of
// that. What matters is the answer: none of these calls is ever let go on. That it looks like a
// kill by the kernel is for whoever reads the ending.
void refuse_foreign_call(const Listener& listener, const seccomp_notif& request,
                         LedgerWriter& ledger);

}  // namespace mayfly::sandbox
