#include "sandbox/linux/observer.h"

#include <utility>

#include "sandbox/linux/capability_verdict.h"
#include "sandbox/linux/network_verdict.h"
#include "sandbox/linux/observed_calls.h"

namespace mayfly::sandbox {

Observer::Observer(const RootPlan& root, PathSurroundings paths)
    : tier_(root.tier), level_(root.observe), paths_(std::move(paths)) {}

bool Observer::observes(const seccomp_data& call) const {
  const ObservedCall* observed = level_ == ObserveLevel::kOff ? nullptr : observed_call(call.nr);
  const auto namespaces = tier_ == Tier::kFull ? Namespaces::kOwn : Namespaces::kHosts;
  return observed != nullptr && tables_allow(call, namespaces);
}

void Observer::serve(const Listener& listener, const seccomp_notif& request, LedgerWriter& ledger) {
  const CallVerdict verdict = look(listener, request);
  if (verdict.finding.has_value()) ledger.record(*verdict.finding);
  if (verdict.error != 0 || verdict.done) return listener.answer(request.id, verdict.error);
  listener.answer(request.id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

std::optional<Finding> Observer::refused_change(const Listener& listener,
                                                const seccomp_notif& request) const {
  // Set-id bits are refused everywhere, and by the tables.
  const bool by_path = level_ != ObserveLevel::kOff && observed_call(request.data.nr) != nullptr &&
                       tables_allow(request.data, Namespaces::kOwn);
  if (!by_path) return std::nullopt;
  return paths_.refused_change(listener, request);
}

CallVerdict Observer::look(const Listener& listener, const seccomp_notif& request) {
  const ObservedCall* call = observed_call(request.data.nr);
  if (call == nullptr) return {};
  switch (call->subject) {
    case Subject::kPath:
      return paths_.look(listener, request);
    case Subject::kNetwork:
      return network_verdict(listener, request);
    case Subject::kCapability:
      return capability_verdict(listener, request);
  }
  return {};
}

}  // namespace mayfly::sandbox
