#include "sandbox/linux/finisher.h"

#include <thread>

#include "base/clock.h"

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

// Init is dead, and where it was all that could end the others, one of them may have got away.
void kill_what_is_left(CallCgroup& group) {
  constexpr milliseconds kPause{1};
  const TimePoint until = Clock::now() + milliseconds(1000);
  while (!group.processes().empty() && Clock::now() < until) {
    group.kill();
    std::this_thread::sleep_for(kPause);
  }
}

void tell(RunningCall& call) {
  if (call.observer.on_finish) call.observer.on_finish(call.report());
}

}  // namespace

void Finisher::post(const RunningCall& call, std::function<void()> work) {
  constexpr std::size_t kMostThreads = 64;
  const std::string& workspace = call.policy->workspaces.front().path;
  const std::lock_guard lock(mutex_);
  const bool known = threads_.count(workspace) > 0 || threads_.size() < kMostThreads;
  threads_[known ? workspace : std::string()].post(std::move(work));
}

void Finisher::drain() {
  std::map<std::string, BackgroundThread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
  for (auto& [workspace, thread] : threads) thread.drain();
}

void Finisher::finish(std::shared_ptr<RunningCall> call, std::function<void()> released) {
  post(*call, [call, released = std::move(released)] {
    // Nothing may write after the look.
    if (call->cgroup != nullptr) kill_what_is_left(*call->cgroup);
    look_for_host_code(*call);
    call->read_cgroup();
    call->cgroup.reset();
    call->private_directory.reset();
    released();
    if (!call->answered) tell(*call);
  });
}

void Finisher::answer_lingering(std::shared_ptr<RunningCall> call) {
  post(*call, [call] {
    look_for_host_code(*call);
    // Until it is really gone it can still write.
    for (const std::shared_ptr<ProtectedPaths>& guard : call->guards) (void)guard->call_started();
    call->read_cgroup();
    tell(*call);
  });
}

}  // namespace mayfly::sandbox
