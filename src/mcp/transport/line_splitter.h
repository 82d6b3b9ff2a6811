#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::mcp {

// Cuts a byte stream into lines and holds at most `limit` bytes of an unfinished one: the rest of a
// longer line is thrown away as it comes in. Blank lines are skipped, a final \r is cut off.
//
//   splitter.feed(bytes);
//   while (auto line = splitter.next()) …
class LineSplitter {
 public:
  struct Line {
    std::string_view text;  // until the next call of this object; empty if oversized
    bool oversized = false;
  };

  explicit LineSplitter(std::size_t limit) : limit_(limit) {}
  void feed(std::string_view bytes);
  std::optional<Line> next();
  // What came after the last line's end. Call at the end of the stream.
  std::optional<Line> rest();

 private:
  std::string_view pending() const { return std::string_view(buffer_).substr(start_); }

  const std::size_t limit_;
  std::string buffer_;
  std::size_t start_ = 0;    // of the unfinished line
  std::size_t scanned_ = 0;  // up to here there is no line's end
  bool discarding_ = false;
};

}  // namespace mayfly::mcp
