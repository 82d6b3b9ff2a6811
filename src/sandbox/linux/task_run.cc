#include "sandbox/linux/task_run.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

namespace mayfly::sandbox {
namespace {

bool read_request(std::string& request) {
  char buffer[64 * 1024];
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    request.append(buffer, static_cast<std::size_t>(got));
  }
}

bool write_answer(std::string_view answer) {
  while (!answer.empty()) {
    const ssize_t wrote = ::write(STDOUT_FILENO, answer.data(), answer.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    answer.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

}  // namespace

// Nothing may be thrown through init's frames, of which this process is a copy.
bool prepare_task(const Task& task, std::unique_ptr<TaskRun>& run) {
  try {
    std::string request;
    if (!read_request(request)) return false;
    run = task.prepare(request);
    return true;
  } catch (...) {
    ::_exit(kTaskFailed);
  }
}

void finish_task(TaskRun* run) {
  try {
    const bool answered = run == nullptr || write_answer(run->run());
    ::_exit(answered ? 0 : kTaskFailed);
  } catch (...) {
    ::_exit(kTaskFailed);
  }
}

}  // namespace mayfly::sandbox
