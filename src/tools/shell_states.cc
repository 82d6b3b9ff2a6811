#include "tools/shell_states.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "tools/handle.h"

namespace mayfly::tools {
namespace {

constexpr std::size_t kRememberedHandles = 256;

std::string minutes(milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::minutes>(time).count());
}

}  // namespace

std::string ShellStates::create(const std::string& principal) {
  const std::lock_guard lock(mutex_);
  forget_old();
  while (!states_.empty() && states_.size() >= limits_.kept) {
    forget(std::min_element(states_.begin(), states_.end(), [](const auto& a, const auto& b) {
      return a.second.order < b.second.order;
    }));
  }
  std::string handle = new_handle("s_");
  states_[handle] = {.principal = principal,
                     .state = std::make_shared<const ShellState>(),
                     .used = Clock::now(),
                     .order = ++uses_};
  return handle;
}

Result<std::shared_ptr<const ShellState>> ShellStates::use(const std::string& principal,
                                                           const std::string& handle) {
  const std::lock_guard lock(mutex_);
  forget_old();
  const auto found = states_.find(handle);
  if (found != states_.end() && found->second.principal == principal) {
    found->second.used = Clock::now();
    found->second.order = ++uses_;
    return found->second.state;
  }
  const bool gone = std::find(forgotten_.begin(), forgotten_.end(), handle) != forgotten_.end();
  return fail(input_error(ErrorCode::kNotFound, "shell_state", handle,
                          gone ? "it has expired: a shell's state is kept for " +
                                     minutes(limits_.keep) + " minutes after its last use, " +
                                     std::to_string(limits_.kept) + " of them"
                               : std::string("no such shell state"),
                          "give \"new\", and set directory and variables again"));
}

void ShellStates::save(const std::string& handle, ShellState state) {
  auto shared = std::make_shared<const ShellState>(std::move(state));
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(handle);
  if (found == states_.end()) return;
  found->second.state.swap(shared);
  found->second.used = Clock::now();
  found->second.order = ++uses_;
}

void ShellStates::forget(std::map<std::string, Kept>::iterator entry) {
  forgotten_.push_back(entry->first);
  if (forgotten_.size() > kRememberedHandles) forgotten_.pop_front();
  states_.erase(entry);
}

void ShellStates::forget_old() {
  const TimePoint oldest = Clock::now() - limits_.keep;
  for (auto entry = states_.begin(); entry != states_.end();) {
    const auto next = std::next(entry);
    if (entry->second.used <= oldest) forget(entry);
    entry = next;
  }
}

}  // namespace mayfly::tools
