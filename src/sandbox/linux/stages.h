#pragma once

#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sandbox/report.h"

namespace mayfly::sandbox {

// Runs the stages of setting up, one after the other, times each, and puts the name of a failed one
// in front of its error.
class Stages {
 public:
  template <typename Step>
  auto run(const char* name, Step step) -> decltype(step()) {
    const TimePoint begin = Clock::now();
    auto result = step();
    times_.push_back({name, std::chrono::duration_cast<microseconds>(Clock::now() - begin)});
    if (!result) return fail(std::move(result).error().within(name));
    return result;
  }
  std::vector<StageTime> take() { return std::move(times_); }

 private:
  std::vector<StageTime> times_;
};

}  // namespace mayfly::sandbox
