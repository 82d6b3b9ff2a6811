#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/narrowing.h"

// The parts of widenings(), which share a list.
namespace mayfly::sandbox::narrowing {

class Findings {
 public:
  // Of one thing only the first finding is kept.
  void add(std::string what, std::string message, settings::Location at = {}) {
    if (has(what)) return;
    list_.push_back({std::move(what), std::move(message), std::move(at)});
  }
  bool has(const std::string& what) const {
    return std::any_of(list_.begin(), list_.end(),
                       [&what](const Widening& each) { return each.what == what; });
  }
  std::vector<Widening> take() { return std::move(list_); }

 private:
  std::vector<Widening> list_;
};

template <typename List, typename Value>
bool has(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// [filesystem] but for protect and danger_unprotect.
void compare_paths(const Policy& inner, const Policy& outer, Findings& found);
void compare_network(const NetworkPolicy& inner, const NetworkPolicy& outer, Findings& found);
void compare_syscalls(const SyscallPolicy& inner, const SyscallPolicy& outer, Findings& found);
void compare_observation(const Observation& inner, const Observation& outer, Findings& found);

}  // namespace mayfly::sandbox::narrowing
