#pragma once

#include <linux/seccomp.h>

#include <optional>

#include "sandbox/linux/call_verdict.h"
#include "sandbox/linux/listener.h"
#include "sandbox/linux/path_verdict.h"
#include "sandbox/linux/plan.h"

namespace mayfly::sandbox {

// Says which of the observed calls (observed_calls.h) the sandbox denies. It explains, and decides
// nothing: what it lets go on meets the mounts, Landlock and the network namespace as ever, and
// what it answers itself would have been denied by them. So a program that changes memory while it
// is read can make a denial go unreported, and can neither do what is denied nor have a denial
// reported that did not happen.
class Observer {
 public:
  Observer(const RootPlan& root, PathSurroundings paths);

  // Whether it knows of this call: the tables allow it, and a listener got it only to be observed.
  bool observes(const seccomp_data& call) const;
  // Answers what is observed; what is denied goes to `ledger`.
  void serve(const Listener& listener, const seccomp_notif& request, LedgerWriter& ledger);
  // As PathVerdicts has it; nothing where nothing is observed.
  std::optional<Finding> refused_change(const Listener& listener,
                                        const seccomp_notif& request) const;

 private:
  CallVerdict look(const Listener& listener, const seccomp_notif& request);

  Tier tier_;
  ObserveLevel level_;
  PathVerdicts paths_;
};

}  // namespace mayfly::sandbox
