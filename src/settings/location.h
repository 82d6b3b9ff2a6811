#pragma once

#include <memory>
#include <string>

namespace mayfly::settings {

// Who wrote a value. What is not trusted may only narrow.
enum class Trust {
  kShipped,   // part of this program
  kOperator,  // /etc, the operator's own configuration, the command line
  kProject,   // a file in a workspace, which an agent may have written
};

// A text that values are read from.
struct Source {
  std::string name;  // how people call it: a path, "--memory", "default (shipped)"
  Trust trust = Trust::kOperator;
};

// Where a value stands. Two values are the same wherever they were written, so locations always
// compare equal, and the values that carry them can be compared as a whole.
struct Location {
  std::shared_ptr<const Source> source;  // null: made by the program itself
  int line = 0;                          // from 1; 0: the source has no lines
  int column = 0;                        // from 1, in characters

  bool operator==(const Location&) const { return true; }
};

// "/etc/mayfly/profiles/build.toml:12:8", "--memory", "built in".
std::string to_string(const Location& location);
Trust trust_of(const Location& location);

template <typename T>
struct Located {
  T value{};
  Location at{};

  bool operator==(const Located&) const = default;
};

}  // namespace mayfly::settings
