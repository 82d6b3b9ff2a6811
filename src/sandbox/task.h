#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mayfly::sandbox {

// One run of a task, inside its sandbox, after all layers are in force.
class TaskRun {
 public:
  virtual ~TaskRun() = default;
  // The answer, whole: it becomes the call's `out`. Errors are part of it; the sandbox does not
  // look inside.
  virtual std::string run() = 0;
};

enum class TaskWrites { kNothing, kFiles };

// A function of this program's own that a sandbox runs instead of a command: forked from init, no
// exec, one thread, under the same mounts, namespaces, Landlock rules and limits as a command of
// the same policy. Its filter is smaller: no exec, no socket, no new process, no openat2, no mode
// with a set-id bit; and for TaskWrites::kNothing nothing that changes a file.
//
// `prepare` runs before that filter and after everything else: it opens what `request` names with
// openat2(2), whose arguments no filter can see, and does not look at what it opened. It returns
// null if there is nothing to run (then `run` is not called and the answer is empty).
struct Task {
  const char* name;
  TaskWrites writes;
  std::unique_ptr<TaskRun> (*prepare)(const std::string& request);
};

// Given by main to helper_main: constant, of static duration.
using TaskTable = std::span<const Task>;

// Null if the table has none of that name.
inline const Task* find_task(TaskTable tasks, std::string_view name) {
  for (const Task& task : tasks) {
    if (task.name == name) return &task;
  }
  return nullptr;
}

}  // namespace mayfly::sandbox
