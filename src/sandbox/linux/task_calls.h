#pragma once

#include <vector>

#include "sandbox/linux/syscall_rules.h"
#include "sandbox/task.h"

namespace mayfly::sandbox {

// What a task (task.h) may ask of the kernel, as data. Whatever no row allows kills: a task is our
// own code, so one that asks for more is not ours any more.
struct TaskCall {
  enum class By {
    kItself,
    kInitAmongOthers,  // done by init where other processes' files are in reach
                       // (Namespaces::kHosts)
  };
  const char* name;
  std::vector<ArgumentRule> rules = {};
  By by = By::kItself;
};

// Rows of one call are alternatives. Those of TaskWrites::kFiles contain the others.
const std::vector<TaskCall>& task_calls(TaskWrites writes);

// By which the set-up hands the filter's listener to init, after the filter is in force.
AllowedCall task_call_that_sends_listener();

// Answered as on a kernel without them, since libraries may try them.
const std::vector<DeniedCall>& calls_absent_for_tasks();

}  // namespace mayfly::sandbox
