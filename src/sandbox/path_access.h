#pragma once

#include <string>

#include "sandbox/policy.h"
#include "settings/location.h"

namespace mayfly::sandbox {

// What a path of the inside is, and which rule makes it so.
enum class Effective { kAbsent, kHidden, kDenied, kRead, kWrite, kPrivate };
struct PathAnswer {
  Effective access = Effective::kAbsent;
  std::string source;  // the host path behind it
  std::string rule;
  settings::Location at;
};
PathAnswer look_up(const Policy& policy, const std::string& path);

}  // namespace mayfly::sandbox
