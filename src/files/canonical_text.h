#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::files {

// What two texts may differ in and still be taken for the same.
enum class Likeness : std::uint8_t {
  kLineEnds,  // CR LF is LF
  kBlanks,    // and runs of blanks and tabs are one blank; at line ends, and how deep a line is
              // indented, they do not count. Whether it is deeper than the one before does.
};

// In front of each line that is not blank, with Likeness::kBlanks: how it is indented, compared
// with the nearest such line before it.
inline constexpr char kShallower = '\1';
inline constexpr char kSameDepth = '\2';
inline constexpr char kDeeper = '\3';

// The canonical form of a text, one character after the other, each with the bytes it stands for.
// A text is read again instead of keeping a table, which would be many times its size.
class CanonicalReader {
 public:
  struct Unit {
    char c = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  CanonicalReader(std::string_view text, Likeness likeness) : text_(text), likeness_(likeness) {}

  std::optional<Unit> next();

 private:
  std::size_t skip_blanks(std::size_t at) const;
  std::size_t line_end(std::size_t at) const;

  std::string_view text_;
  Likeness likeness_;
  std::size_t at_ = 0;
  bool line_start_ = true;
  std::optional<std::size_t> depth_;
};

std::string canonical(std::string_view text, Likeness likeness);

inline bool is_blank(char c) { return c == ' ' || c == '\t'; }
// The blanks and tabs that `line` starts with.
std::string_view indentation(std::string_view line);
bool is_blank_line(std::string_view line);

}  // namespace mayfly::files
