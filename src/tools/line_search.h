#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace mayfly::tools {

inline constexpr std::size_t kLongestPattern = 1024;

// A regular expression of the caller's, of RE2's syntax: matching takes time linear in the text.
// E5001, with RE2's message, for one that is none, is too long, or too large once compiled.
Result<std::shared_ptr<const re2::RE2>> compile_pattern(const std::string& pattern);

// Looks for the first line that matches, in a stream that is fed piece by piece as it grows; no
// byte is kept longer than its line, no line longer than 64 KiB (it is then matched in pieces).
// Escape sequences and a carriage return at the end are no part of a line. One thread at a time.
class LineSearch {
 public:
  struct Match {
    std::uint64_t offset = 0;  // of the line's first byte in the stream
    std::string line;          // printable, shortened
  };

  // The stream is searched from `offset` on.
  LineSearch(std::shared_ptr<const re2::RE2> pattern, std::uint64_t offset)
      : pattern_(std::move(pattern)), line_start_(offset) {}

  // Where the next piece begins.
  std::uint64_t position() const { return line_start_ + rest_.size(); }
  // Where the line begins that is being fed: what is before has been searched.
  std::uint64_t searched() const { return line_start_; }
  void feed(std::string_view piece);
  // There is no more for now: a prompt has no line end. Long unfinished lines wait for theirs.
  void pause();
  // There will be no more.
  void end();

  const std::optional<Match>& match() const { return match_; }

 private:
  void try_line(std::string_view line);

  std::shared_ptr<const re2::RE2> pattern_;
  std::uint64_t line_start_ = 0;
  std::string rest_;  // the beginning of a line that has not ended yet
  std::optional<Match> match_;
};

}  // namespace mayfly::tools
