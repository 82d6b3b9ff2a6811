#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "files/glob.h"

namespace mayfly::files {

// The rules of one .gitignore or .ignore, as gitignore(5) has them.
class IgnoreRules {
 public:
  enum class Verdict : std::uint8_t { kNone, kIgnored, kKept };

  IgnoreRules() = default;
  explicit IgnoreRules(std::string_view text);

  // By the last rule that matches. `path` is relative to the directory of the file.
  Verdict judge(std::string_view path, bool is_directory, Work& work) const;

 private:
  struct Rule {
    bool keep = false;  // "!…"
    bool directories_only = false;
    bool of_path = false;
    std::string literal;  // the whole pattern, unless there is a wildcard
    std::optional<Wildcard> wildcard;
  };
  void add(std::string_view line);

  std::vector<Rule> rules_;
};

// The rules that are in force in a directory: of itself and of those above it that were entered.
// A file in an ignored directory is ignored, whatever is said of it: nobody enters there.
class IgnoreChain {
 public:
  explicit IgnoreChain(Work& work) : work_(work) {}

  // `path` is that of `directory` below the first one entered: empty, or with a '/' at its end.
  void enter(int directory, std::string_view path);
  void leave();
  bool ignored(std::string_view path, bool is_directory);
  // False once rules were left out because there are too many.
  bool complete() const { return complete_; }

 private:
  struct Level {
    std::size_t base = 0;  // length of the directory's path
    std::size_t bytes = 0;
    IgnoreRules ignore;
    IgnoreRules git;
    IgnoreRules exclude;
    bool repository = false;  // git's rules from above end here
  };
  IgnoreRules load(int directory, const char* name, Level& level);

  Work& work_;
  std::vector<Level> levels_;
  std::size_t bytes_ = 0;
  bool complete_ = true;
};

// Whether a git repository's work tree begins in `directory`.
bool is_repository(int directory);

}  // namespace mayfly::files
