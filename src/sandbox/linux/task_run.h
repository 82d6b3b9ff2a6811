#pragma once

#include <memory>

#include "sandbox/task.h"

namespace mayfly::sandbox {

// The two halves of a task's process, before its filter is loaded and after.

// A task that throws, or cannot give its answer, ends the process with this code.
inline constexpr int kTaskFailed = 70;

// Reads the request, which is the whole of standard input, and lets the task open what it names.
// False: it cannot be read, and errno says why.
bool prepare_task(const Task& task, std::unique_ptr<TaskRun>& run);

// Runs it (null: its answer is empty), writes the answer to standard output and ends the process.
[[noreturn]] void finish_task(TaskRun* run);

}  // namespace mayfly::sandbox
