#pragma once

#include "sandbox/task.h"

namespace mayfly::tools {

// The functions of files/ as tasks that a sandbox can run, and the names of those.
inline constexpr const char* kReadTask = "read";
inline constexpr const char* kLookTask = "look";  // as read, and nothing of the content
inline constexpr const char* kWriteTask = "write";
inline constexpr const char* kEditTask = "edit";
inline constexpr const char* kListTask = "list";

// Their table, for main.
sandbox::TaskTable file_tasks();

}  // namespace mayfly::tools
