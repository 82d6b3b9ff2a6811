#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "tools/shell_states.h"

namespace mayfly::tools {

// How a shell's state gets into a sandbox and out of it. The program has a notebook, a piece of
// memory of fixed size, as a descriptor. It begins with what the shell is to start from:
//   statements \0 overrides \0
// and a wrapper around the caller's command reads and evaluates both, runs the command, and, when
// the shell exits, writes behind them
//   cwd \n \0 statements \0 END \0
// The END comes last, so that half a save, of a shell that was killed or whose state did not fit,
// is no save. Whatever else is written there harms nobody but the next shell of the same handle.
inline constexpr std::size_t kMostStateBytes = 256U << 10;

// What bash is started with to run `command` so.
std::vector<std::string> wrapped_shell(const std::string& command);

class ShellNotebook {
 public:
  // `overrides` are exported after the state's own variables.
  static Result<ShellNotebook> make(
      const ShellState& state, const std::vector<std::pair<std::string, std::string>>& overrides);

  // Another descriptor of the same memory, for Command::notebook.
  Result<OwnedFd> for_program() const;
  // What the shell saved; nothing if it did not, or not completely. Once the call has ended.
  std::optional<ShellState> saved() const;
  // Whether saving began and did not fit.
  bool overflowed() const;

 private:
  ShellNotebook(OwnedFd memory, std::size_t start) : memory_(std::move(memory)), start_(start) {}
  std::string written() const;

  OwnedFd memory_;
  std::size_t start_ = 0;  // of what the program writes
};

}  // namespace mayfly::tools
