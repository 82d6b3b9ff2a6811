#include "sandbox/linux/finisher.h"

namespace mayfly::sandbox {
namespace {

Violation host_code(const HostCodeFinding& finding, const std::string& profile) {
  Violation violation;
  violation.kind = ViolationKind::kHostCode;
  violation.operation = finding.what;
  violation.target = finding.path;
  violation.rule = profile + ": protected paths";
  violation.remedy =
      describe(finding) +
      ". Programs of the host run what is there: ask the operator to make this change "
      "outside Mayfly";
  return violation;
}

void look_for_host_code(RunningCall& call) {
  for (const std::shared_ptr<ProtectedPaths>& guard : call.guards) {
    for (const HostCodeFinding& finding : guard->call_ended()) {
      call.record(host_code(finding, call.policy->profile));
    }
  }
}

}  // namespace

void Finisher::finish(std::shared_ptr<RunningCall> call, std::function<void()> released) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  work_.push_back({std::move(call), std::move(released)});
  changed_.notify_one();
}

void Finisher::drain() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Finisher::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !work_.empty(); });
    if (work_.empty()) return;
    const Work work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    look_for_host_code(*work.call);
    work.released();
    work.call->admission.reset();
    if (work.call->observer.on_finish) work.call->observer.on_finish(work.call->report());
    lock.lock();
  }
}

}  // namespace mayfly::sandbox
