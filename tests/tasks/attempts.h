#pragma once

#include "sandbox/task.h"

namespace mayfly::test {

// The tasks of this program. A request is "WHAT ARGUMENT". Before the filter:
//
//   open PATH        opens it, and answers its content
//   beneath PATH     the same with openat2, below the working directory
//   slow-throw -     throws before the filter
//
// After it, whatever `attempt` in attempts.cc knows: the answer is the errno's name, or "done".
sandbox::TaskTable attempts();

}  // namespace mayfly::test
