#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace mayfly::test {

// Ends this test program as skipped: `missing` names the requirement that this host lacks. With
// MAYFLY_TESTS_MUST_RUN=1 that is a failure. Each test is a process of its own, so nothing else is
// lost with it.
[[noreturn]] inline void skip(std::string_view missing) {
  const char* must_run = std::getenv("MAYFLY_TESTS_MUST_RUN");
  const bool refused = must_run != nullptr && std::string_view(must_run) == "1";
  std::printf("SKIP: %.*s\n", static_cast<int>(missing.size()), missing.data());
  if (refused) std::printf("MAYFLY_TESTS_MUST_RUN=1: a skip is a failure\n");
  std::fflush(stdout);
  std::_Exit(refused ? 1 : 77);
}

}  // namespace mayfly::test
