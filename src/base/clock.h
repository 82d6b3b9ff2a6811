#pragma once

#include <chrono>

namespace mayfly {

// Durations and deadlines are measured on the monotonic clock only; wall-clock time is for display.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using std::chrono::microseconds;
using std::chrono::milliseconds;

}  // namespace mayfly
