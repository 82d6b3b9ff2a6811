#pragma once

#include <sys/types.h>

#include <vector>

#include "sandbox/report.h"

namespace mayfly::sandbox {

// The process `root` and all below it that have not ended, by what /proc says now.
std::vector<Lingering> find_lingering(pid_t root);

}  // namespace mayfly::sandbox
