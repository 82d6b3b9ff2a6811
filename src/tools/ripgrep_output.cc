#include "tools/ripgrep_output.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace mayfly::tools {
namespace {

constexpr std::size_t kMostRefusal = 800;

// What ripgrep 13 and 14 print in place of a record, with the path in front and no NUL.
bool is_binary_notice(std::string_view line) {
  if (!line.ends_with(')')) return false;
  return line.find(": WARNING: stopped searching binary file after match (found ") != line.npos ||
         line.find(": binary file matches (found ") != line.npos;
}

// Takes a number from the front of `rest`.
bool take_number(std::string_view& rest, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc()) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return true;
}

}  // namespace

SearchTail read_search(std::string_view output, SearchMode mode,
                       const std::function<void(const SearchRecord&)>& on_record) {
  SearchTail tail;
  while (!output.empty()) {
    const std::size_t line_end = output.find('\n');
    if (mode != SearchMode::kFiles && line_end != output.npos &&
        is_binary_notice(output.substr(0, line_end)) &&
        output.substr(0, line_end).find('\0') == output.npos) {
      ++tail.binary;
      output.remove_prefix(line_end + 1);
      continue;
    }
    const std::size_t path_end = output.find('\0');
    if (path_end == output.npos) break;
    SearchRecord record;
    record.path = output.substr(0, path_end);
    output.remove_prefix(path_end + 1);
    if (mode != SearchMode::kFiles) {
      const std::size_t end = output.find('\n');
      if (end == output.npos) break;
      record.text = output.substr(0, end);
      output.remove_prefix(end + 1);
      if (!take_number(record.text, record.number)) continue;
      if (mode == SearchMode::kContent) {
        record.is_match = record.text.starts_with(':');
        if (!record.text.empty()) record.text.remove_prefix(1);
        if (record.text.ends_with('\r')) record.text.remove_suffix(1);
      }
    }
    on_record(record);
  }
  return tail;
}

SearchComplaints read_complaints(std::string_view errors) {
  SearchComplaints out;
  while (!errors.empty()) {
    const std::size_t end = std::min(errors.find('\n'), errors.size());
    const std::string_view line = errors.substr(0, end);
    errors.remove_prefix(std::min(end + 1, errors.size()));
    if (line.find("(os error ") != line.npos) {
      ++out.unreadable;
    } else if (!line.empty() && out.refusal.size() < kMostRefusal) {
      // A pattern is shown with a mark below the place that is wrong: the lines stay lines.
      out.refusal += (out.refusal.empty() ? "" : "\n") + text::one_line(line);
    }
  }
  out.refusal = text::shorten(out.refusal, kMostRefusal);
  return out;
}

}  // namespace mayfly::tools
