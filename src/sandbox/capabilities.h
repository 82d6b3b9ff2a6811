#pragma once

#include <string>

#include "base/result.h"

namespace mayfly::sandbox {

// Whether programs of a sandbox may keep the capability of this name. E1001 if not, with the
// reason.
Status check_capability(const std::string& name);

}  // namespace mayfly::sandbox
