#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace mayfly::audit {

// The lines of a file up to a size, one after the other, in bounded memory. Not thread-safe.
class LineReader {
 public:
  // A line longer than this is told to be so, without its end.
  static constexpr std::size_t kMostBytes = 128U << 10;

  // Does not own `fd`, and does not use its position.
  LineReader(int fd, std::uint64_t size) : fd_(fd), size_(size) {}

  struct Line {
    std::string_view text;     // without its newline; good until the next call
    std::uint64_t number = 0;  // from 1
    bool too_long = false;
    bool torn = false;  // the file ends in it
  };
  // Nothing at the end.
  Result<std::optional<Line>> next();

 private:
  Status fill();

  const int fd_;
  const std::uint64_t size_;
  std::uint64_t read_ = 0;
  std::uint64_t number_ = 0;
  std::string buffer_;
  std::size_t start_ = 0;
};

// One part of a log: FILE, or FILE.N which was rotated away.
struct LogPart {
  std::string name;  // for people
  OwnedFd file;
  std::uint64_t size = 0;
};
// The parts there are, the oldest first, as they are now: what is appended later is not in their
// sizes. Without a log it is empty. Errors as open_own's.
struct LogView {
  std::vector<LogPart> parts;
  OwnedFd heads;  // invalid: there are none
};
Result<LogView> open_log(const std::string& file);

}  // namespace mayfly::audit
