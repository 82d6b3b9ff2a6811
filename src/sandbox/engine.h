#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/policy.h"
#include "sandbox/report.h"
#include "sandbox/task.h"

namespace mayfly::sandbox {

// A pseudo-terminal of the sandbox's own: stdin, stdout and stderr are one device, so that the
// call's output is one stream, `out`.
struct Terminal {
  std::uint16_t columns = 120;
  std::uint16_t rows = 40;

  bool operator==(const Terminal&) const = default;
};

// The descriptor at which a program has the notebook of its command.
inline constexpr int kNotebookFd = 3;

// The standard input of a call that keeps it open: at most this many bytes wait to be read.
inline constexpr std::size_t kMostPendingInput = 1U << 20;

// A program or a task to run. Nothing here can widen the policy that it runs under.
struct Command {
  std::vector<std::string> argv;  // argv[0] is looked up on the sandbox's PATH unless it has a '/'
  std::string
      task;  // instead of argv: a task (task.h); stdin_bytes is its request, `out` its answer
  std::string cwd;  // absolute path inside; empty: the first workspace
  std::vector<std::pair<std::string, std::string>> environment;  // replaces names of the policy's
  std::optional<std::string> stdin_bytes;                        // absent: stdin is at end of file
  OwnedFd stdin_pipe;            // instead of stdin_bytes: a pipe's read end that somebody feeds
  bool keep_stdin_open = false;  // after stdin_bytes, for Call::write_input
  std::optional<Terminal> terminal;  // its input is open until Call::close_input
  OwnedFd notebook;  // if valid, the program has it as descriptor kNotebookFd (a sealed-size memfd)
  Limits limits;     // the policy's, lowered
  std::string caller;  // who asks: places are shared out fairly between callers
};

// What a running call tells its owner. All are called in the engine's thread and must not block.
struct CallObserver {
  // New bytes were appended to `out` or `err` (already in Report's streams). May be empty.
  std::function<void(int stream, const char* data, std::size_t size)> on_output;
  // Once, after every process of the call is gone and its output is complete.
  std::function<void(Report)> on_finish;
};

// E5001: the call's input was not kept open, was closed, or the call has ended.
Error input_not_open();

// A call that was accepted. Thread-safe. Dropping it changes nothing: the call goes on.
class Call {
 public:
  virtual ~Call() = default;
  virtual const std::string& id() const = 0;
  virtual TimePoint started() const = 0;
  // Whether it was accepted and has no place to run yet.
  virtual bool waiting() const { return false; }
  virtual std::shared_ptr<OutputStream> out() const = 0;
  virtual std::shared_ptr<OutputStream> err() const = 0;
  // Kills everything in the sandbox; the report says kCancelled. Later calls do nothing.
  virtual void cancel() = 0;
  // Sends TERM to the program's processes, and KILL after `grace`.
  virtual void terminate(milliseconds grace) = 0;
  // Adds to the program's standard input. E5001 if the call did not keep it open, if it was closed,
  // or has ended; E4001 if more than kMostPendingInput would wait. Taken whole or not at all.
  virtual Status write_input(std::string bytes) = 0;
  // End of file once everything added has been read; on a terminal that is its end-of-file
  // character, which the program may have switched off.
  virtual Status close_input() = 0;
  // The wall limit becomes the job's: the call outlives the request that started it.
  virtual void become_job() = 0;
};

// Runs calls, each in a sandbox of its own. Thread-safe. One thread serves all running calls; it is
// started with the first of them, as are the zygotes. Destruction kills what still runs and returns
// when nothing is left.
class Engine {
 public:
  virtual ~Engine() = default;
  // E2002 at once if this host cannot enforce the policy; E4001, with the wait to expect, if
  // `max_calls` run and `max_queued` wait. One that has to wait is accepted, and launched when its
  // turn comes: callers take turns, however many calls each has waiting.
  // Everything that fails later reaches `observer.on_finish` as a setup_error.
  virtual Result<std::shared_ptr<Call>> start(std::shared_ptr<const Policy> policy, Command command,
                                              CallObserver observer) = 0;
};

struct EngineOptions {
  int max_calls = 64;             // running at once
  int max_queued = 64;            // waiting for a place, all callers together
  milliseconds kill_grace{2000};  // between TERM and KILL
  std::string state_root;         // what must outlive a killed server; empty: nothing does
  TaskTable tasks;                // the table that helper_main was given
};

// What main starts before it reads arguments, configuration or secrets, so that the processes which
// make sandboxes never had them in memory. Cheap (one exec); creates no sandbox.
class Prestart {
 public:
  virtual ~Prestart() = default;
};
Result<std::unique_ptr<Prestart>> prestart();

// The first thing that main calls: if this process is one of the sandbox's own helpers, does its
// work and returns its exit code.
// `tasks` are those that a Command may name; the table must live as long as the process.
std::optional<int> helper_main(int argc, char** argv, TaskTable tasks = {});

// The engine for this platform. `early` may be null (tests); then it is started on first need.
std::unique_ptr<Engine> make_engine(EngineOptions options, std::unique_ptr<Prestart> early);

}  // namespace mayfly::sandbox
