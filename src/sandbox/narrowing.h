#pragma once

#include <string>
#include <vector>

#include "sandbox/policy.h"
#include "settings/location.h"

namespace mayfly::sandbox {

// One thing that `inner` lets a sandbox do and `outer` does not.
struct Widening {
  std::string what;
  std::string message;
  settings::Location at;
};

// Empty: inner is as narrow as outer, or narrower.
std::vector<Widening> widenings(const Policy& inner, const Policy& outer);

}  // namespace mayfly::sandbox
