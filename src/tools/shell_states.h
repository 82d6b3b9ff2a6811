#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace mayfly::tools {

// What a shell hands on to the next call: bash statements that nobody but a sandbox's own shell
// ever reads, and the directory it was in. Both come from a sandbox and are hostile.
struct ShellState {
  std::string cwd;         // an absolute path, or empty: not saved yet
  std::string statements;  // without NUL
};

// The states of shells, by unguessable handles that only their own caller may use. A state lives
// for `keep` after its last use, and the one unused for longest goes when there are too many.
// Thread-safe.
class ShellStates {
 public:
  struct Limits {
    std::size_t kept = 64;  // of all callers together
    milliseconds keep{60 * 60 * 1000};
  };

  ShellStates() = default;
  explicit ShellStates(const Limits& limits) : limits_(limits) {}

  // A new, empty one.
  std::string create(const std::string& principal);
  // E5002 for a handle that is unknown, expired, or somebody else's.
  Result<std::shared_ptr<const ShellState>> use(const std::string& principal,
                                                const std::string& handle);
  // Of two calls with one handle, the last to end wins. Nothing happens if it is gone by now.
  void save(const std::string& handle, ShellState state);

 private:
  struct Kept {
    std::string principal;
    std::shared_ptr<const ShellState> state;
    TimePoint used{};
    std::uint64_t order = 0;  // of the uses: two can have the same time
  };
  void forget(std::map<std::string, Kept>::iterator entry);
  void forget_old();

  const Limits limits_;
  std::mutex mutex_;
  std::map<std::string, Kept> states_;
  std::deque<std::string> forgotten_;  // so that "gone" can be told from "never was"
  std::uint64_t uses_ = 0;
};

}  // namespace mayfly::tools
