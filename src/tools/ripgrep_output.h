#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

// Reads what ripgrep prints with --null, --line-number, --no-heading and --no-context-separator.
// Paths and lines are hostile: a path ends with a NUL and a line with a line feed, and neither can
// hold its own end, so that none can pass for more than it is.
namespace mayfly::tools {

enum class SearchMode : std::uint8_t { kContent, kFiles, kCount };

// A line of a file, a file, or a file's count. Views into the output.
struct SearchRecord {
  std::string_view path;
  bool is_match = true;      // false: a line of context
  std::uint64_t number = 0;  // of the line, or the count
  std::string_view text;
};

struct SearchTail {
  std::uint64_t binary = 0;  // files that ripgrep left because they turned out to be binary
};

// Calls `on_record` for each whole record in order. What the end of `output` cuts off is left out.
SearchTail read_search(std::string_view output, SearchMode mode,
                       const std::function<void(const SearchRecord&)>& on_record);

// What it complained about: how many places it could not read, and whatever else it said (what is
// wrong with the pattern), shortened.
struct SearchComplaints {
  std::uint64_t unreadable = 0;
  std::string refusal;
};
SearchComplaints read_complaints(std::string_view errors);

}  // namespace mayfly::tools
