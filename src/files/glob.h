#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mayfly::files {

// What matching may cost, over many patterns and names; a step is some nanoseconds. Once it is
// used up, everything matches nothing.
struct Work {
  std::uint64_t left;

  bool spend(std::uint64_t steps) {
    if (left < steps) left = 0;
    left -= left == 0 ? 0 : steps;
    return left > 0;
  }
};

// One pattern as git's wildmatch() reads it: * ? [a-z] [!x] [[:digit:]] and \ in front of a
// literal. Bytes, no letters of one case for the other.
class Wildcard {
 public:
  enum class Of : std::uint8_t {
    kName,  // '*' is anything
    kPath,  // '*', '?' and [ ] stop at '/'; "**" between slashes spans directories
  };
  // Empty if it cannot match anything: a '[' that is not closed, a '\' at the end.
  static std::optional<Wildcard> parse(std::string_view pattern, Of of);

  // Time: at most the product of the lengths of name and pattern, and of the number of directories
  // in the name.
  bool matches(std::string_view name, Work& work) const;

 private:
  struct Token {
    enum class Kind : std::uint8_t { kByte, kAny, kClass, kStar, kDirectories, kRest };
    Kind kind;
    char byte = 0;
    std::uint32_t set = 0;  // in sets_
  };
  using Set = std::bitset<256>;

  static bool parse_class(std::string_view pattern, std::size_t& at, Set& set);
  bool one(const Token& token, char c) const;

  std::vector<Token> tokens_;
  std::vector<Set> sets_;
  bool path_ = false;
};

// A pattern of a caller: the same and {a,b}. With a '/' it is of paths, else of names; a '/' at the
// end wants a directory.
class Glob {
 public:
  Glob() = default;  // matches everything
  // E5001 with the field "glob".
  static Result<Glob> parse(std::string_view pattern);

  bool matches(std::string_view path, bool is_directory, Work& work) const;

 private:
  std::vector<Wildcard> any_of_;
  bool all_ = true;
  bool of_paths_ = false;
  bool directories_only_ = false;
};

}  // namespace mayfly::files
